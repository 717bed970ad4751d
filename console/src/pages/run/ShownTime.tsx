/** The shown moment as a clock that goes with the pictures, without a word to React. */
import { useEffect, useRef } from "react";
import { useView } from "../../shell/view";
import { hms } from "../../time/format";
import type { RunStore } from "./store";

export function ShownTime({ store }: { store: RunStore }) {
  const { zone } = useView();
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const show = () => {
      const text = hms(store.moment(), zone);
      if (place.current && place.current.textContent !== text) place.current.textContent = text;
    };
    show();
    return store.beat(show);
  }, [store, zone]);
  return <span className="mono shown" ref={place} />;
}
