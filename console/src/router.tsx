/** Routes. Each page is a chunk of its own; the address holds plain strings, so that a link is readable. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  parseSearchWith,
  stringifySearchWith,
} from "@tanstack/react-router";
import { PAGES } from "./pages/first";
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

const page = <Path extends keyof typeof PAGES>(path: Path) => {
  const load: () => Promise<{ Page: () => React.JSX.Element }> = PAGES[path].load;
  return createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load, "Page") });
};

const routes = root.addChildren([
  page("/"),
  page("/events"),
  page("/o"),
  page("/o/$cluster/$kind/$namespace/$name"),
  page("/sql"),
  page("/sql/$saved"),
  page("/operations"),
  page("/operations/new"),
  page("/operations/$id"),
  page("/tasks"),
  page("/tasks/$id"),
  page("/nodes"),
  page("/clusters"),
  page("/coverage"),
  page("/s/$id"),
  page("/settings"),
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
