/** The draft of the page, what the server reads in its list of machines, and its plan. */
import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { bundleList, calendar, planOf, readMachines } from "../../api/operations";
import type { BundleItem, BundleList, MachineRow, MachinesAnswer, PlanAnswer } from "../../api/types";
import { useT } from "../../i18n";
import { joins } from "../../operation/states";
import { useDelayed } from "../../operation/useDelayed";
import { useView } from "../../shell/view";
import { bundlesFor, type Draft, EMPTY, flowOf, type Missing, missingOf, nameOf, specOf } from "./draft";
import { type Field, fieldsOf } from "./schema";

const TYPING_MS = 250;
const NO_ROWS: MachineRow[] = [];

export interface Work {
  draft: Draft;
  /** How often it was changed by hand. */
  edits: number;
  set: (patch: Partial<Draft>) => void;
  clear: () => void;
  bundles: UseQueryResult<BundleList>;
  bundle: BundleItem | undefined;
  clusters: string[];
  fields: Field[];
  flow: string[];
  machines: { rows: MachineRow[]; bad: number; badLines: number[]; answer: MachinesAnswer | undefined; reading: boolean; error: unknown };
  spec: Record<string, unknown>;
  missing: Missing[];
  plan: UseQueryResult<PlanAnswer>;
  /** All of this is of the draft as it stands: nothing is read or asked for. */
  settled: boolean;
  /** Nodes of its cluster; 0 where that is not known. */
  pool: number;
}

export function useDraft(opened: Draft | null): Work {
  const t = useT();
  const view = useView();
  const { search } = view;
  const [draft, setDraft] = useState<Draft>(() => opened ?? begin(search));
  const [edits, setEdits] = useState(0);
  const set = useCallback((patch: Partial<Draft>) => {
    setDraft((old) => ({ ...old, ...patch }));
    setEdits((old) => old + 1);
  }, []);
  const clear = useCallback(() => set({ ...EMPTY, name: nameOf(EMPTY.type, new Date()) }), [set]);
  const bundles = useQuery(bundleList());
  const known = useQuery(calendar());
  const clusters = (known.data?.clusters ?? []).map((one) => one.cluster);
  // Type and cluster stand in the address: a link to this page begins with them. The cluster is the scope of all pages, so half a name is
  // none, and who chooses another scope has it.
  const { set: setSearch } = view;
  const written = useRef(search.c);
  const scoped = clusters.includes(draft.cluster) ? draft.cluster : null;
  useEffect(() => {
    const isNew = scoped !== null && scoped !== written.current;
    if (scoped !== null) written.current = scoped;
    if (search.type !== draft.type || isNew) setSearch({ type: draft.type, ...(isNew ? { c: scoped } : {}) }, { replace: true });
  }, [draft.type, scoped, search.type, setSearch]);

  const own = bundlesFor(bundles.data?.items ?? [], draft.type);
  const bundle = own.find((one) => one.name === draft.bundle) ?? (draft.bundle === "" ? own[0] : undefined);
  const shown = useMemo(() => ({ ...draft, bundle: bundle?.name ?? draft.bundle }), [draft, bundle]);
  const fields = useMemo(() => fieldsOf(bundle?.parameters), [bundle]);
  const flow = draft.flow ?? (bundle ? flowOf(bundle) : []);

  const text = useDelayed(draft.text, TYPING_MS);
  const cluster = useDelayed(draft.cluster.trim(), TYPING_MS);
  const nodesOf = joins(draft.type) ? "" : cluster;
  const list = useQuery({
    queryKey: ["machines", text, draft.format, nodesOf],
    queryFn: ({ signal }) => readMachines(text, draft.format, nodesOf, signal),
    enabled: text.trim() !== "",
    placeholderData: keepPreviousData,
    retry: false,
  });
  const answer = text.trim() === "" ? undefined : list.data;
  const rows = useMemo(
    () => answer?.rows.filter((row) => row.duplicate_of === null || row.duplicate_of === undefined) ?? NO_ROWS,
    [answer],
  );
  const badLines = useMemo(
    () => [
      ...(answer?.errors ?? []).map((one) => one.line),
      ...(answer?.rows ?? []).flatMap((row) => (row.duplicate_of ? [row.line] : [])),
    ],
    [answer],
  );
  const bad = badLines.length + (answer?.more_errors ?? 0);
  const missing = missingOf(shown, flow, fields, { rows, bad }, (key, vars) => t(key, vars));
  const spec = specOf(shown, flow, fields, rows);
  const wish = useDelayed(JSON.stringify({ name: shown.name, spec }), TYPING_MS);
  const still = wish === JSON.stringify({ name: shown.name, spec });
  const plan = useQuery({
    queryKey: ["plan", wish],
    queryFn: ({ signal }) => planOf(JSON.parse(wish) as { name: string; spec: Record<string, unknown> }, signal),
    enabled: missing.length === 0 && still && text === draft.text && cluster === draft.cluster.trim(),
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 10_000,
  });
  const reading = text !== draft.text || cluster !== draft.cluster.trim() || list.isFetching;
  return {
    draft: shown,
    edits,
    set,
    clear,
    bundles,
    bundle,
    clusters,
    fields,
    flow,
    machines: { rows, bad, badLines, answer, reading, error: list.error },
    spec,
    missing,
    plan,
    settled: still && !reading && !plan.isFetching && !plan.isPlaceholderData,
    pool: known.data?.clusters.find((one) => one.cluster === spec.clusterName)?.pool ?? 0,
  };
}

/** What a link to this page names. */
function begin(search: Record<string, string | undefined>): Draft {
  const type = search.type ?? EMPTY.type;
  const cluster = search.c && !search.c.includes(",") ? search.c : "";
  return { ...EMPTY, type, cluster, bundle: search.bundle ?? "", name: nameOf(type, new Date()) };
}
