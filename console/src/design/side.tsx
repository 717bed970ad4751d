/** A pane that stands beside what it tells of, where there is room for both. On a narrower page its button opens it as a layer. */
import { useRouterState } from "@tanstack/react-router";
import { type ReactNode, useState, useSyncExternalStore } from "react";
import { Icon, type IconName } from "./Icon";
import { Framed } from "./lazy";

export interface Side {
  isLayer: boolean;
  isOpen: boolean;
  onOpen: (open: boolean) => void;
}

/** A layer from below this width on, in pixels of CSS: zoomed to 200 per cent, a page has half of those of its screen. */
export function useSide(least: number): Side {
  const isLayer = useNarrower(least);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // It tells of what the address shows, and closes when that is another thing.
  const [openAt, setOpenAt] = useState<string | null>(null);
  return { isLayer, isOpen: isLayer && openAt === path, onOpen: (open) => setOpenAt(open ? path : null) };
}

function useNarrower(least: number): boolean {
  const query = `(max-width: ${least - 1}px)`;
  return useSyncExternalStore(
    (told) => {
      const list = matchMedia(query);
      list.addEventListener("change", told);
      return () => list.removeEventListener("change", told);
    },
    () => matchMedia(query).matches,
    () => false,
  );
}

interface Props {
  side: Side;
  title: string;
}

export function SideButton({ side, title, icon }: Props & { icon: IconName }) {
  if (!side.isLayer) return null;
  return (
    <button type="button" className="btn sm" aria-haspopup="dialog" aria-expanded={side.isOpen} onClick={() => side.onOpen(true)}>
      <Icon name={icon} />
      {title}
    </button>
  );
}

export function Beside({ side, title, children }: Props & { children: ReactNode }) {
  if (!side.isLayer) return children;
  return (
    <Framed open={side.isOpen} title={title} onClose={() => side.onOpen(false)}>
      <div className="layered">{children}</div>
    </Framed>
  );
}
