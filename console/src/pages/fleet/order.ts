/** In which order clusters stand. Pure. */
import type { Cluster } from "../../api/types";

export type Sort = "worst" | "name";

interface Ranked {
  cluster: Pick<Cluster, "cluster" | "cluster_uid">;
  worst: number;
}

/** Uids of clusters: favourites first, each part by how bad it is or by name. */
export function ordered(lines: readonly Ranked[], sort: Sort, favourites: readonly string[]): string[] {
  const first = ({ cluster }: Ranked) => Number(favourites.includes(cluster.cluster_uid));
  return lines
    .toSorted(
      (a, b) => first(b) - first(a) || (sort === "name" ? 0 : b.worst - a.worst) || a.cluster.cluster.localeCompare(b.cluster.cluster),
    )
    .map(({ cluster }) => cluster.cluster_uid);
}

/** Favourites with another one, or without it. */
export function toggledFavourite(favourites: readonly string[], uid: string): string[] {
  return favourites.includes(uid) ? favourites.filter((one) => one !== uid) : [...favourites, uid];
}
