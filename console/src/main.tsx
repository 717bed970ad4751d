/** Begin of the console. `early.ts` has asked already, where it was as quick as it should be. */
import "./design/tokens.css";
import "./design/base.css";
import "./design/parts.css";
import "./shell/shell.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useMemo } from "react";
import { createRoot } from "react-dom/client";
import { cache, takeUp } from "./api/cache";
import { shareToken, takeFromAddress } from "./api/token";
import { LangContext, translator } from "./i18n";
import { begin } from "./pages/first";
import { router } from "./router";
import { apply, langOf, usePrefs } from "./shell/prefs";

takeFromAddress();
shareToken();
apply();
for (const { question, answer } of begin(location).splice(0)) takeUp(question, answer);

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
      <QueryClientProvider client={cache}>
        <Console />
      </QueryClientProvider>
    </StrictMode>,
  );
}
