/** What the palette offers for a command: objects, things to do, saved queries. */
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { useNavigate } from "@tanstack/react-router";
import { get } from "../api/client";
import { queries } from "../api/questions";
import type { Event, OperationItem, OperationList, Page, TaskItem, TaskList } from "../api/types";
import type { IconName } from "../design/Icon";
import type { Translate } from "../i18n";
import { asPhase } from "../operation/states";
import { isSql, opening } from "../query/saved";
import { type Command, hits, PAGES, type PageName, type Part } from "./palette";
import { setPrefs } from "./prefs";
import { common, objectPath, type Search, type View } from "./view";

export interface Choice {
  key: string;
  icon: IconName;
  label: string;
  word?: string;
  parts?: Part[];
  hint?: string;
  /** What the line becomes, for a choice that goes on. */
  complete?: string;
  act?: () => void;
}

interface Context {
  view: View;
  navigate: ReturnType<typeof useNavigate>;
  onHelp: () => void;
  t: Translate;
}

const PATHS: Record<PageName, string> = {
  fleet: "/",
  events: "/events",
  timelines: "/o",
  sql: "/sql",
  operations: "/operations",
  tasks: "/tasks",
  nodes: "/nodes",
  clusters: "/clusters",
  coverage: "/coverage",
  settings: "/settings",
};
const ICONS: Record<PageName, IconName> = {
  fleet: "fleet",
  events: "events",
  timelines: "lanes",
  sql: "sql",
  operations: "ops",
  tasks: "tasks",
  nodes: "node",
  clusters: "clusters",
  coverage: "coverage",
  settings: "gear",
};
const MOST_OBJECTS = 8;

type Failing = Pick<UseQueryResult, "error" | "refetch">;

/** `settled`: nobody is typing any more, and the server may be asked. */
export function useChoices(
  command: Command,
  settled: boolean,
  context: Context,
): { groups: { title: string; items: Choice[] }[]; objects: UseQueryResult<Page<Event>>; failed: Failing | undefined } {
  const { view, t } = context;
  const line = command.what === "objects" && command.line !== "" ? command.line : "";
  const clusters = command.what === "objects" && command.clusters.length > 0 ? command.clusters : view.clusters;
  const objects = useQuery({
    queryKey: ["palette", line, view.range, clusters],
    queryFn: ({ signal }) => get<Page<Event>>("/api/v1/events", { ...view.scope, cluster: clusters, q: line, limit: 200 }, signal),
    enabled: settled && line !== "",
    retry: false,
  });
  const found = useFound(command, settled, view);
  const saved = useQuery(queries());
  const word = command.what === "objects" ? command.text.toLowerCase() : "";
  return {
    objects,
    failed: [objects, found].find((one) => one.isError),
    groups: [
      {
        title: t("palette.objects"),
        items:
          command.what === "find"
            ? foundOf(found.data?.items ?? [], command, context)
            : line === ""
              ? []
              : objectsOf(objects.data?.items ?? [], word, context),
      },
      { title: t("palette.do"), items: actions(command, clusters, context) },
      {
        title: t("palette.saved"),
        items: (saved.data?.items ?? [])
          .filter((item) => command.what === "objects" && item.name.toLowerCase().includes(word))
          .slice(0, 5)
          .map((item) => ({
            key: `saved-${item.name}`,
            icon: isSql(item) ? "sql" : "star",
            label: item.name,
            hint: item.subject,
            act: () => void context.navigate(opening(item, common(view.search)) as never),
          })),
      },
    ],
  };
}

function mine(clusters: readonly string[]): Search {
  return clusters.length > 0 ? { c: clusters.join(",") } : {};
}

/** Operations or tasks that match, of any time: an id in a chat may be old. */
function useFound(command: Command, settled: boolean, view: View): UseQueryResult<OperationList | TaskList> {
  const { text, labels: label } = command.what === "find" ? command : { text: "", labels: [] };
  const path = command.what === "find" ? `/api/v1/${command.in}` : "";
  const clusters = command.what === "find" && command.clusters.length > 0 ? command.clusters : view.clusters;
  return useQuery({
    queryKey: ["palette", path, text, label, clusters],
    queryFn: ({ signal }) => get<OperationList | TaskList>(path, { text, label, cluster: clusters, limit: MOST_OBJECTS }, signal),
    enabled: settled && command.what === "find",
    retry: false,
  });
}

function foundOf(items: readonly (OperationItem | TaskItem)[], command: Command & { what: "find" }, context: Context): Choice[] {
  const to = command.in === "operations" ? "/operations/$id" : "/tasks/$id";
  return items.map((item) => ({
    key: item.id,
    icon: ICONS[command.in],
    parts: hits(item.name, command.text),
    label: `${item.type} · ${item.cluster} · ${context.t(`phase.${asPhase(item.phase)}`)}`,
    hint: item.id.slice(0, 8),
    act: () => void context.navigate({ to, params: { id: item.id }, search: common(context.view.search) as never } as never),
  }));
}

function go({ navigate, view }: Context, to: string, search: Search = {}): void {
  void navigate({ to, search: { ...common(view.search), ...search } as never });
}

/** One row for each object, in the order in which the newest Events name them. */
function objectsOf(events: readonly Event[], text: string, context: Context): Choice[] {
  const seen = new Map<string, Choice>();
  for (const event of events) {
    const key = `${event.cluster_uid}/${event.kind}/${event.namespace}/${event.name}`;
    if (seen.has(key) || seen.size === MOST_OBJECTS) continue;
    const path = objectPath(event.cluster, event.kind, event.namespace, event.name);
    seen.set(key, {
      key,
      icon: event.kind === "Node" ? "node" : "object",
      parts: hits(event.name, text),
      label: `${event.kind} · ${event.namespace === "" ? "" : `${event.namespace} · `}${event.cluster}`,
      hint: context.t("palette.openTimeline"),
      act: () => void context.navigate({ ...path, search: common(context.view.search) as never } as never),
    });
  }
  return [...seen.values()];
}

function actions(command: Command, clusters: string[], context: Context): Choice[] {
  const { t, view } = context;
  const scope: Search = clusters.length > 0 ? { c: clusters.join(",") } : {};
  switch (command.what) {
    case "objects": {
      if (command.line !== "") {
        return [
          {
            key: "events",
            icon: "events",
            word: ":events",
            label: t("palette.eventsOf"),
            hint: command.line,
            act: () => go(context, "/events", { ...scope, q: command.line }),
          },
        ];
      }
      const pages = PAGES.map(
        (page): Choice => ({
          key: page,
          icon: ICONS[page],
          word: `:${page}`,
          label: t(`nav.${page}`),
          act: () => go(context, PATHS[page]),
        }),
      );
      return [
        ...pages,
        { key: "node", icon: "node", word: ":node", label: t("palette.nodes"), complete: ":node " },
        { key: "pod", icon: "object", word: ":pod", label: t("palette.pods"), complete: ":pod " },
        { key: "op", icon: "ops", word: ":op", label: t("palette.ops"), complete: ":op " },
        { key: "task", icon: "tasks", word: ":task", label: t("palette.tasks"), complete: ":task " },
        { key: "new", icon: "plus", word: ":new", label: t("nav.newOperation"), act: () => go(context, "/operations/new") },
        { key: "drain", icon: "node", word: ":drain", label: t("palette.drain"), act: () => go(context, "/nodes", { act: "Drain" }) },
        { key: "range", icon: "clock", word: ":range", label: t("palette.range"), complete: ":range " },
        { key: "keys", icon: "table", word: ":keys", label: t("keys.help"), act: context.onHelp },
      ];
    }
    case "page": {
      const own: Search = command.clusters.length > 0 ? { c: command.clusters.join(",") } : {};
      const asks = ["events", "operations", "tasks"].includes(command.page) && command.rest !== "";
      const rest: Search = asks ? { q: command.rest } : {};
      return [
        {
          key: "page",
          icon: ICONS[command.page],
          word: `:${command.page}`,
          label: t(`nav.${command.page}`),
          hint: command.rest,
          act: () => go(context, PATHS[command.page], { ...own, ...rest }),
        },
      ];
    }
    case "find":
      return [
        {
          key: "list",
          icon: ICONS[command.in],
          word: `:${command.in}`,
          label: t(`nav.${command.in}`),
          hint: command.text,
          act: () => go(context, PATHS[command.in], { ...mine(command.clusters), ...(command.text === "" ? {} : { q: command.text }) }),
        },
      ];
    case "unlabelled":
      return [{ key: "unlabelled", icon: "object", label: t("palette.noLabels"), hint: command.line, complete: command.line }];
    case "act":
      return [
        {
          key: "act",
          icon: "node",
          word: `:${command.act.toLowerCase()}`,
          label: t("palette.nodeAct", { act: command.act }),
          hint: command.clusters.join(", "),
          act: () => go(context, "/nodes", { ...mine(command.clusters), act: command.act }),
        },
      ];
    case "new":
      return [
        {
          key: "new",
          icon: "plus",
          word: ":new",
          label: t("nav.newOperation"),
          act: () => go(context, "/operations/new", mine(command.clusters)),
        },
      ];
    case "range":
      return [
        {
          key: "range",
          icon: "clock",
          word: ":range",
          label: t("time.last", { length: command.since.slice(1) }),
          act: () => view.set({ from: command.since, to: "now" }),
        },
      ];
    case "theme":
      return [
        {
          key: "theme",
          icon: command.theme === "dark" ? "moon" : "sun",
          word: ":theme",
          label: command.theme,
          act: () => setPrefs({ theme: command.theme }),
        },
      ];
    case "lang":
      return [{ key: "lang", icon: "gear", word: ":lang", label: command.lang, act: () => setPrefs({ lang: command.lang }) }];
    case "help":
      return [{ key: "keys", icon: "table", word: ":keys", label: t("keys.help"), act: context.onHelp }];
    case "unknown":
      return PAGES.filter((page) => page.startsWith(command.word)).map((page) => ({
        key: page,
        icon: ICONS[page],
        word: `:${page}`,
        label: t(`nav.${page}`),
        act: () => go(context, PATHS[page]),
      }));
  }
}
