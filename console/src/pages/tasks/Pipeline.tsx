/** The stages of a task in one line: what is through, where it stands. */
import type { TaskStepItem } from "../../api/types";
import { Glyph, type GlyphName } from "../../design/Icon";
import { type Key, useT } from "../../i18n";
import { taskStepName } from "../../operation/words";

export function stageGlyph(step: TaskStepItem): GlyphName {
  if (step.state === "running" && step.gate && (step.gate.open === null || step.gate.open === undefined)) return "held";
  return ({ waiting: "wait", running: "run", done: "ok", failed: "fail" } as const)[step.state] ?? "unknown";
}

/** All signs, and the name of the stage in which it stands. */
export function Pipeline({ steps }: { steps: readonly TaskStepItem[] }) {
  const t = useT();
  const present =
    steps.find((step) => step.state === "running" || step.state === "failed") ?? steps.findLast((step) => step.state === "done");
  return (
    <span className="pipeline">
      {steps.map((step) => {
        const name = taskStepName(step);
        const state = t(`taskState.${step.state}` as Key);
        return (
          <span key={name} className="stage" title={`${name}: ${state}`}>
            <Glyph name={stageGlyph(step)} label={`${name}: ${state}`} />
            {step === present ? <span className="mono">{name}</span> : null}
          </span>
        );
      })}
    </span>
  );
}
