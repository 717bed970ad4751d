/** Names for the shapes of the API. All come from the committed OpenAPI document; nothing is declared twice. */
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Event = Schemas["Event"];
export type EventState = Schemas["EventState"];
export type Cluster = Schemas["Cluster"];
export type ClusterCoverage = Schemas["ClusterCoverage"];
export type CoveragePart = Schemas["CoveragePart"];
export type CoverageInterval = Schemas["CoverageInterval"];
export type ClusterCompleteness = Schemas["ClusterCompleteness"];
export type Completeness = Schemas["Completeness"];
export type Histogram = Schemas["Histogram"];
export type Bin = Schemas["Bin"];
export type Facets = Schemas["Facets"];
export type Facet = Schemas["Facet"];
export type Patterns = Schemas["Patterns"];
export type Pattern = Schemas["Pattern"];
export type Explanation = Schemas["Explanation"];
export type Signals = Schemas["Signals"];
export type Change = Schemas["Change"];
export type Neighbours = Schemas["Neighbours"];
export type Lanes = Schemas["Lanes"];
export type Lane = Schemas["Lane"];
export type Mark = Schemas["Mark"];
export type ObjectAt = Schemas["ObjectAt"];
export type Proposals = Schemas["Proposals"];
export type Proposal = Schemas["Proposal"];
export type QueryItem = Schemas["QueryItem"];
export type QueryList = Schemas["QueryList"];
export type Export = Schemas["Export"];
export type ExportFormat = Schemas["ExportFormat"];
export type ExportItem = Schemas["ExportItem"];
export type ExportList = Schemas["ExportList"];
export type Reject = Schemas["Reject"];
export type Space = Schemas["Space"];
export type Ready = Schemas["Ready"];
export type RunningList = Schemas["RunningList"];
export type SqlSchema = Schemas["SqlSchema"];
export type SqlAnswer = Schemas["SqlAnswer"];
export type SqlEstimate = Schemas["SqlEstimate"];
export type RangeAnswer = Schemas["RangeAnswer"];
export type ProblemBody = Schemas["Problem"];

export interface Page<Row> {
  items: Row[];
  next?: string | null;
  range: RangeAnswer;
  coverage: ClusterCoverage[];
  total?: { value: number; exact: boolean } | null;
}

export type OperationItem = Schemas["OperationItem"];
export type OperationList = Schemas["OperationList"];
/** The document says of `spec` and `form` that they are objects, and no more. */
export type DraftBody = Omit<Schemas["DraftBody"], "spec" | "form"> & {
  spec: Record<string, unknown>;
  form?: Record<string, unknown> | null;
};
export type DraftItem = Schemas["DraftItem"];
export type DraftDetail = Schemas["DraftDetail"];
export type DraftList = Schemas["DraftList"];
export type OperationDetail = Schemas["OperationDetail"];
export type StageItem = Schemas["StageItem"];
export type AttemptItem = Schemas["AttemptItem"];
export type DebtGroup = Schemas["DebtGroup"];
export type HoldItem = Schemas["HoldItem"];
export type StoodItem = Schemas["StoodItem"];
export type ActionItem = Schemas["ActionItem"];
export type PlanItem = Schemas["PlanItem"];
export type ForecastItem = Schemas["ForecastItem"];
export type HostList = Schemas["HostList"];
export type HostItem = Schemas["HostItem"];
export type HostErrorGroup = Schemas["HostErrorGroup"];
export type HostStep = Schemas["HostStep"];
export type LogItem = Schemas["LogItem"];
export type LogPage = Schemas["LogPage"];
export type ChangesAnswer = Schemas["ChangesAnswer"];
export type RunEvents = Schemas["RunEvents"];
export type OperationMessage = Schemas["OperationMessage"];
export type CommandAnswer = Schemas["CommandAnswer"];
export type BundleItem = Schemas["BundleItem"];
export type BundleList = Schemas["BundleList"];
export type MachinesAnswer = Schemas["MachinesAnswer"];
export type MachineRow = Schemas["MachineRow"];
export type MachineError = Schemas["MachineError"];
export type PlanAnswer = Schemas["PlanAnswer"];
export type PlannedStage = Schemas["PlannedStage"];
export type GuardItem = Schemas["GuardItem"];
export type CalendarAnswer = Schemas["CalendarAnswer"];
export type ClusterCalendar = Schemas["ClusterCalendar"];
export type TaskItem = Schemas["TaskItem"];
export type TaskList = Schemas["TaskList"];
export type TaskDetail = Schemas["TaskDetail"];
export type TaskStepItem = Schemas["TaskStepItem"];
export type GateItem = Schemas["GateItem"];
export type TaskMessage = Schemas["TaskMessage"];
export type OperationWish = Schemas["OperationWish"];
