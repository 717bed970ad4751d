/** Layers over the page without their code: a quarter of the shell's, and no page needs it to be seen. It comes behind the
 * first answers, while nothing else is to be done, or when the first layer opens, whichever is earlier. */
import { lazy, Suspense, useState } from "react";
import type { FramedProps, PopMenuProps, PopProps } from "./layers";

const load = () => import("./layers");
const LazyFramed = lazy(async () => ({ default: (await load()).Framed }));
const LazyPop = lazy(async () => ({ default: (await load()).Pop }));
const LazyMenu = lazy(async () => ({ default: (await load()).PopMenu }));

const LATEST_MS = 3000;

/** Runs this when the page is at rest, and soon in any case. */
export function whenIdle(work: () => void): () => void {
  if (typeof requestIdleCallback === "undefined") {
    const timer = setTimeout(work, LATEST_MS / 3);
    return () => clearTimeout(timer);
  }
  const handle = requestIdleCallback(work, { timeout: LATEST_MS });
  return () => cancelIdleCallback(handle);
}

/** Loads code before somebody wants it. Where that fails, it is loaded again when it is wanted, and told then. */
export function warm(...parts: (() => Promise<unknown>)[]): void {
  for (const part of [load, ...parts]) part().catch(() => undefined);
}

/** Whether something was open once: from then on it stays, closed. */
export function useOnce(open: boolean): boolean {
  const [was, setWas] = useState(open);
  if (open && !was) setWas(true);
  return was || open;
}

export function Framed(props: FramedProps) {
  if (!useOnce(props.open)) return null;
  return (
    <Suspense fallback={null}>
      <LazyFramed {...props} />
    </Suspense>
  );
}

export function Pop(props: PopProps) {
  return (
    <Suspense fallback={null}>
      <LazyPop {...props} />
    </Suspense>
  );
}

export function PopMenu(props: PopMenuProps) {
  return (
    <Suspense fallback={null}>
      <LazyMenu {...props} />
    </Suspense>
  );
}
