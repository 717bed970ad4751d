/** Begin of the console: the token leaves the address before anything else looks at it. */
import "./design/tokens.css";
import "./design/base.css";
import "./design/parts.css";
import "./shell/shell.css";
import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useMemo } from "react";
import { createRoot } from "react-dom/client";
import { asProblem } from "./api/problem";
import { onToken, takeFromAddress } from "./api/token";
import { LangContext, translator } from "./i18n";
import { router } from "./router";
import { apply, langOf, usePrefs } from "./shell/prefs";

takeFromAddress();
apply();

const client = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: false,
      // What passes by itself is tried again; a wrong question is not.
      retry: (times, error) => times < 2 && asProblem(error).passing,
      retryDelay: (times) => 600 * 2 ** times,
    },
  },
});

onToken(() => void client.invalidateQueries());

function Console() {
  const lang = langOf(usePrefs());
  const t = useMemo(() => translator(lang), [lang]);
  return (
    <LangContext value={t}>
      <RouterProvider router={router} />
    </LangContext>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Console />
      </QueryClientProvider>
    </StrictMode>,
  );
}
