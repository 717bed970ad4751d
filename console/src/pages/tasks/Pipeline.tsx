/** The stages of a task in one line: what is through, where it stands. */
import type { TaskStepItem } from "../../api/types";
import { Glyph, type GlyphName } from "../../design/Icon";
import { type Key, useT } from "../../i18n";

export function stageGlyph(step: TaskStepItem): GlyphName {
  if (step.state === "running" && step.gate && (step.gate.open === null || step.gate.open === undefined)) return "held";
  return ({ waiting: "wait", running: "run", done: "ok", failed: "fail" } as const)[step.state] ?? "unknown";
}

export function Pipeline({ steps }: { steps: readonly TaskStepItem[] }) {
  const t = useT();
  return (
    <span className="pipeline">
      {steps.map((step) => {
        const state = t(`taskState.${step.state}` as Key);
        return (
          <span key={step.step} className={step.state === "waiting" ? "stage dim" : "stage"} title={`${step.step}: ${state}`}>
            <Glyph name={stageGlyph(step)} label={state} />
            <span className="cut">{step.step.replace(/^Scale(Up|Down)(?=.)/, "")}</span>
          </span>
        );
      })}
    </span>
  );
}
