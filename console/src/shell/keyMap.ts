/** What `?` lists. A row stands there where its keys are obeyed: by the page (`names`), by what has the focus (`at`), or always. */
import type { Key } from "../i18n";

export interface KeyRow {
  keys: string;
  what: Key;
  /** Names of the keys that the page obeys. */
  names?: readonly string[];
  /** What must be on the page for them to do something. */
  at?: string;
}

export interface KeyGroup {
  title: Key;
  rows: readonly KeyRow[];
}

// A key that means one thing here and another there is told apart by a second one, which is obeyed beside it.
const row = (keys: string, what: Key, names: readonly string[], at?: string): KeyRow => ({ keys, what, names, ...(at ? { at } : {}) });
const focused = (keys: string, what: Key, at: string): KeyRow => ({ keys, what, at });

export const KEY_MAP: readonly KeyGroup[] = [
  {
    title: "keys.anywhere",
    rows: [
      row(": ⌘K", "keys.palette", [":", "Mod+k"]),
      row("?", "keys.help", ["?"]),
      row("/", "keys.filter", ["/"], "[data-filter]"),
      row("t", "keys.time", ["t"]),
      row("⇧← ⇧→", "keys.shift", ["Shift+ArrowLeft", "Shift+ArrowRight"]),
      row("R", "keys.refresh", ["R"]),
      row("[", "keys.fold", ["["]),
      row("c", "keys.copy", ["c"]),
      { keys: "Esc", what: "keys.close" },
    ],
  },
  {
    title: "keys.go",
    rows: [
      row("g f", "nav.fleet", ["g f"]),
      row("g e", "nav.events", ["g e"]),
      row("g t", "nav.timelines", ["g t"]),
      row("g a", "nav.sql", ["g a"]),
      row("g o", "nav.operations", ["g o"]),
      row("g k", "nav.tasks", ["g k"]),
      row("g n", "nav.nodes", ["g n"]),
      row("g c", "nav.clusters", ["g c"]),
      row("g v", "nav.coverage", ["g v"]),
      row("g s", "nav.settings", ["g s"]),
    ],
  },
  {
    title: "keys.page",
    rows: [
      row("j k", "keys.rows", ["j", "k"]),
      row("Enter", "keys.open", ["Enter"]),
      row(".", "keys.actions", [".", "P"]),
      row("l", "keys.tail", ["l"]),
      row("p", "keys.patterns", ["p"]),
      row("P", "keys.pin", ["P"]),
      row("e", "events.explain", ["e"]),
      row("b", "keys.histogram", ["b"]),
      row("n N", "keys.neighbours", ["n", "N"]),
      row("n", "nav.newOperation", ["n", "d"]),
      row("d", "keys.drafts", ["d"]),
      row("⌥1 ⌥2 ⌥3 ⌥4", "plan.steps", ["Alt+1", "Alt+2", "Alt+3", "Alt+4"]),
      row("1 2 3 4 5 6", "keys.lanes", ["1", "2", "3", "4", "5", "6"]),
      row("⌘↵", "keys.review", ["Mod+Enter"]),
      row("x", "keys.tick", ["x", "*"]),
      row("⇧x", "keys.tickStretch", ["X", "*"]),
      row("*", "keys.tickAll", ["*"]),
      row("C U D", "keys.nodeActs", ["C", "U", "D"]),
    ],
  },
  {
    title: "keys.run",
    rows: [
      row("Space", "keys.play", [" "]),
      row(", .", "keys.second", [",", "."]),
      row("⇧, ⇧.", "keys.change", ["<", ">"]),
      row("f", "keys.nextBad", ["f"]),
      row("x", "keys.choose", ["x", "h"]),
      row("⇧x", "keys.stretch", ["X", "h"]),
      row("h", "keys.hold", ["h"]),
      row("r", "keys.retry", ["r"]),
    ],
  },
  {
    title: "keys.charts",
    rows: [
      focused("← →", "keys.bin", ".hist canvas[tabindex]"),
      focused("⇧← ⇧→", "keys.brush", ".hist canvas[tabindex]"),
      focused("Enter", "keys.apply", ".hist canvas[tabindex]"),
      focused("← → ↑ ↓", "keys.point", ".plotbox canvas"),
      focused("← →", "keys.operation", ".runlink"),
      focused("← →", "keys.t2", ".lanecanvas canvas"),
      focused("⌥← ⌥→", "keys.t1", ".lanecanvas canvas"),
      focused("↑ ↓", "keys.lane", ".lanecanvas canvas"),
      focused("n p", "keys.mark", ".lanecanvas canvas"),
      focused("← →", "keys.seek", ".ganttbox canvas[tabindex]"),
      focused("← → ↑ ↓", "keys.cell", ".matrixbox canvas, .heat"),
      focused("Enter", "keys.open", ".matrixbox canvas, .heat"),
      focused("*", "keys.favourite", ".heat"),
      focused("↑ ↓", "keys.line", ".log"),
    ],
  },
  {
    title: "keys.sql",
    rows: [
      focused("⌘↵", "keys.runSql", ".editor textarea"),
      focused("⌘.", "keys.cancel", ".editor textarea"),
      row("⌘S", "keys.saveSql", ["Mod+s"]),
      row("F8", "keys.fault", ["F8"]),
    ],
  },
];

/** The rows whose keys do something: all their names are obeyed, and what they need is there. */
export function working(map: readonly KeyGroup[], obeyed: ReadonlySet<string>, isThere: (selector: string) => boolean): KeyGroup[] {
  const works = ({ names, at }: KeyRow) => (names ?? []).every((name) => obeyed.has(name)) && (at === undefined || isThere(at));
  return map.map(({ title, rows }) => ({ title, rows: rows.filter(works) })).filter(({ rows }) => rows.length > 0);
}
