/** The slider under the axis: any second of the run, with the Warnings of its cluster behind it. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { histogram } from "../../api/questions";
import { LABEL, RIGHT } from "../../canvas/drawGantt";
import { knownCount } from "../../canvas/histogram";
import { Spark } from "../../canvas/Spark";
import { Icon } from "../../design/Icon";
import { useT } from "../../i18n";
import { SPEEDS } from "../../operation/clock";
import { useView } from "../../shell/view";
import { hms } from "../../time/format";
import { ShownTime } from "./ShownTime";
import type { Run } from "./useRun";

const BINS = 120;
/** A histogram needs bins of a second at least. */
const SHORTEST_MS = 150_000;
const STEP_MS = 200;

export function ReplayBar({ run, axis }: { run: Run; axis: readonly [number, number] }) {
  const t = useT();
  const { zone } = useView();
  const { store, snapshot, over, detail } = run;
  const [begin, end] = [store.begin, store.end()];
  const share = (moment: number) => (moment - axis[0]) / (axis[1] - axis[0]);
  const left = share(begin);
  const wide = Math.max(0.001, share(end) - left);
  const plot = (part: number) => `calc((100% - ${LABEL + RIGHT}px) * ${part})`;
  // The strip of a live run is asked for once a minute.
  const until = over ? Math.max(end, begin + SHORTEST_MS) : Math.ceil(Math.max(end, begin + SHORTEST_MS) / 60_000) * 60_000;
  const bins = useQuery(
    histogram(
      {
        cluster: detail.summary.cluster,
        type: "Warning",
        from: new Date(begin).toISOString(),
        to: new Date(until).toISOString(),
        bins: BINS,
      },
      0,
    ),
  );
  const values = useMemo(
    () => (bins.data?.bins ?? []).filter((bin) => Date.parse(bin.from) < end).map((bin) => knownCount(bin, bin.states)),
    [bins.data, end],
  );
  // Thumb and clock go with the pictures, frame by frame.
  const thumb = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const follow = () => {
      if (thumb.current) thumb.current.value = String(store.moment() - store.begin);
    };
    follow();
    return store.beat(follow);
  }, [store]);
  return (
    <div className="replay">
      <span className="row tight tools">
        <button
          type="button"
          className="btn sm icon"
          aria-label={t("run.toBegin")}
          title={t("run.toBegin")}
          onClick={() => store.seek(begin)}
        >
          <Icon name="back" />
        </button>
        <button
          type="button"
          className="btn sm icon play"
          aria-label={t(snapshot.playing ? "run.pause" : "run.play")}
          title={t(snapshot.playing ? "run.pause" : "run.play")}
          onClick={() => store.toggle()}
        >
          <Icon name={snapshot.playing ? "pause" : "play"} />
        </button>
        <select
          className="in sm"
          aria-label={t("run.speed")}
          value={snapshot.speed}
          onChange={(event) => store.setSpeed(Number(event.target.value))}
        >
          {SPEEDS.map((speed) => (
            <option key={speed} value={speed}>
              {speed}×
            </option>
          ))}
        </select>
      </span>
      <span className="track" style={{ left: `calc(${LABEL}px + ${plot(left)})`, width: plot(wide) }}>
        {values.length > 1 ? <Spark values={values} color="sev-warn" className="strip" /> : null}
        <span className="stripname small dim">{t("run.strip", { cluster: detail.summary.cluster })}</span>
        <input
          type="range"
          min={0}
          max={Math.max(STEP_MS, end - begin)}
          step={STEP_MS}
          ref={thumb}
          defaultValue={snapshot.shown - begin}
          aria-label={t("run.slider")}
          aria-valuetext={hms(snapshot.shown, zone)}
          onChange={(event) => store.seek(begin + Number(event.target.value))}
        />
      </span>
      <span className="row end now">
        <ShownTime store={store} />
        <button type="button" className="btn sm" aria-pressed={!snapshot.replay} onClick={() => store.live()}>
          <Icon name="live" />
          {t(over ? "run.end" : "run.live")}
        </button>
      </span>
    </div>
  );
}
