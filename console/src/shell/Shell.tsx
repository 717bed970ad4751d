/** The frame: navigation, bars, palette, and the keys that work everywhere. */
import { useQuery } from "@tanstack/react-query";
import { Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { whenAnswered } from "../api/cache";
import { me as meQuestion } from "../api/operations";
import { asProblem } from "../api/problem";
import { door as doorQuestion } from "../api/questions";
import { useOnce, warm, whenIdle } from "../design/lazy";
import { Toast } from "../design/toast";
import { useT } from "../i18n";
import { shifted } from "../time/range";
import { CommandStrip } from "./CommandStrip";
import { Gate } from "./Gate";
import { useKeys } from "./keys";
import { Nav } from "./Nav";
import { setPrefs, usePrefs } from "./prefs";
import { TopBar } from "./TopBar";
import { common, refresh, useView } from "./view";

const loadPalette = () => import("./Palette");
const loadHelp = () => import("./KeysHelp");
const Palette = lazy(async () => ({ default: (await loadPalette()).Palette }));
const KeysHelp = lazy(async () => ({ default: (await loadHelp()).KeysHelp }));

/** Work pages that need the width begin with a folded navigation, until a person says otherwise. */
const WIDE = ["/events", "/sql", "/operations/"];

/** Between two looks at how much goes on. */
const ME_MS = 15_000;

export function Shell() {
  const t = useT();
  const view = useView();
  const navigate = useNavigate();
  const prefs = usePrefs();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [palette, setPalette] = useState<string | null>(null);
  const [help, setHelp] = useState(false);
  const [range, setRange] = useState(false);
  const [unfolded, setUnfolded] = useState(false);
  // Asked once: whether the token opens, and how many clusters there are. Another range is no reason to ask again.
  const [begin] = useState({ from: view.range.from, to: view.range.to, anchor: view.anchor });
  const door = useQuery(doorQuestion(begin.from, begin.to, begin.anchor));
  const [paletteWas, helpWas] = [useOnce(palette !== null), useOnce(help)];
  // What a page asks first comes before all that is around it; one that waits for its answers is idle, too.
  const [answered, setAnswered] = useState(false);
  useEffect(
    () =>
      whenAnswered(() => {
        setAnswered(true);
        return whenIdle(() => warm(loadPalette, loadHelp));
      }),
    [],
  );
  const me = useQuery({ ...meQuestion(), enabled: answered, refetchInterval: ME_MS });
  const wide = WIDE.some((begin) => path.startsWith(begin));
  const folded = prefs.folded || (wide && !unfolded);
  const go = (to: string) => void navigate({ to, search: common(view.search) as never });
  const shift = (direction: -1 | 1) => {
    const next = shifted(view.range, direction, Date.now());
    view.set({ from: next.from, to: next.to });
  };
  // Folded by choice and by width: one press undoes both.
  const fold = () => {
    if (wide) setUnfolded(folded);
    if (!wide || prefs.folded) setPrefs({ folded: !folded });
  };
  useKeys({
    ":": () => setPalette(":"),
    "Mod+k": () => setPalette(""),
    "?": () => setHelp(true),
    t: () => setRange(true),
    R: refresh,
    "[": () => fold(),
    c: () => [...document.querySelectorAll<HTMLElement>(".cmd .as button")].find((one) => one.checkVisibility())?.focus(),
    "/": () => document.querySelector<HTMLElement>("[data-filter]")?.focus(),
    "Shift+ArrowLeft": () => shift(-1),
    "Shift+ArrowRight": () => shift(1),
    "g f": () => go("/"),
    "g e": () => go("/events"),
    "g t": () => go("/o"),
    "g a": () => go("/sql"),
    "g n": () => go("/nodes"),
    "g o": () => go("/operations"),
    "g k": () => go("/tasks"),
    "g c": () => go("/clusters"),
    "g v": () => go("/coverage"),
    "g s": () => go("/settings"),
  });
  if (door.isError && asProblem(door.error).status === 401) return <Gate detail={asProblem(door.error).message} />;
  return (
    <div className={folded ? "app fold" : "app"}>
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <Nav ask={answered} going={me.isError ? undefined : me.data} clusters={door.data?.items.length ?? null} />
      <TopBar
        clusters={door.data?.items.length ?? null}
        subject={me.data?.subject}
        onPalette={() => setPalette("")}
        rangeOpen={range}
        onRange={setRange}
      />
      <main className="main" id="main" tabIndex={-1}>
        <Outlet />
      </main>
      <CommandStrip onKeys={() => setHelp(true)} />
      {paletteWas ? (
        <Suspense fallback={<Typed onText={(text) => setPalette((now) => (now === null ? null : now + text))} />}>
          <Palette open={palette !== null} start={palette ?? ""} onClose={() => setPalette(null)} onHelp={() => setHelp(true)} />
        </Suspense>
      ) : null}
      {helpWas ? (
        <Suspense fallback={null}>
          <KeysHelp open={help} onClose={() => setHelp(false)} />
        </Suspense>
      ) : null}
      <Toast />
    </div>
  );
}

/** Takes what is typed while the palette is on its way. */
function Typed({ onText }: { onText: (text: string) => void }) {
  useEffect(() => {
    const take = (event: KeyboardEvent) => {
      if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      onText(event.key);
    };
    window.addEventListener("keydown", take, true);
    return () => window.removeEventListener("keydown", take, true);
  });
  return null;
}
