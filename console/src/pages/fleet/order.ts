/** In which order clusters stand. Pure. */
import type { Cluster } from "../../api/types";

export type Sort = "worst" | "name";

interface Ranked {
  cluster: Pick<Cluster, "cluster" | "cluster_uid">;
  worst: number;
}

/** Uids of clusters, by how bad each is or by name. */
export function ordered(lines: readonly Ranked[], sort: Sort): string[] {
  return lines
    .toSorted((a, b) => (sort === "name" ? 0 : b.worst - a.worst) || a.cluster.cluster.localeCompare(b.cluster.cluster))
    .map(({ cluster }) => cluster.cluster_uid);
}

/** An order with favourites on top: no other row changes its place among the others. */
export function favouritesFirst(order: readonly string[], favourites: readonly string[]): string[] {
  return [...order.filter((uid) => favourites.includes(uid)), ...order.filter((uid) => !favourites.includes(uid))];
}

/** Favourites with another one, or without it. */
export function toggledFavourite(favourites: readonly string[], uid: string): string[] {
  return favourites.includes(uid) ? favourites.filter((one) => one !== uid) : [...favourites, uid];
}
