/** Routes. Each page is a chunk of its own; the address holds plain strings, so that a link is readable. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  parseSearchWith,
  stringifySearchWith,
} from "@tanstack/react-router";
import { FIRST } from "./pages/first";
import { Broken } from "./shell/Broken";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";
import { clean, type Search } from "./shell/view";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search: Record<string, unknown>): Search =>
    clean(
      Object.fromEntries(
        Object.entries(search).map(([key, value]) => [key, value === undefined || value === null ? undefined : String(value)]),
      ),
    ),
});

const page = <Path extends string>(path: Path, load: () => Promise<{ Page: () => React.JSX.Element }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load, "Page") });

const routes = root.addChildren([
  page("/", FIRST["/"].load),
  page("/events", FIRST["/events"].load),
  page("/o", () => import("./pages/timeline/FinderPage")),
  page("/o/$cluster/$kind/$namespace/$name", () => import("./pages/timeline/TimelinePage")),
  page("/sql", () => import("./pages/sql/SqlPage")),
  page("/operations", () => import("./pages/operations/OperationsPage")),
  page("/operations/new", () => import("./pages/plan/NewOperationPage")),
  page("/operations/$id", () => import("./pages/run/RunPage")),
  page("/tasks", () => import("./pages/tasks/TasksPage")),
  page("/tasks/$id", () => import("./pages/tasks/TaskPage")),
  page("/nodes", () => import("./pages/nodes/NodesPage")),
  page("/clusters", () => import("./pages/clusters/ClustersPage")),
  page("/coverage", () => import("./pages/coverage/CoveragePage")),
  page("/settings", () => import("./pages/settings/SettingsPage")),
]);

export const router = createRouter({
  routeTree: routes,
  defaultErrorComponent: Broken,
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  parseSearch: parseSearchWith((text) => text),
  stringifySearch: stringifySearchWith(String),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
