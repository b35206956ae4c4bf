/** The console's start: theme, query cache, router. */
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "@mantine/core/styles.layer.css";
import "./theme/tokens.css";
import "./theme/shell.css";
import "./theme/parts.css";
import "./theme/changes.css";
import "./theme/mantine.css";

import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Problem } from "./data/http";
import { router } from "./router";
import { resolver, theme } from "./theme/mantine";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays a refusal; what may pass by itself is tried again.
      retry: (failures, error) => !(error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) && failures < 4,
      retryDelay: (attempt, error) => (error instanceof Problem && error.retryAfterS !== null ? error.retryAfterS * 1000 : Math.min(8000, 500 * 2 ** attempt)),
    },
  },
});

const place = document.getElementById("root");
if (place === null) throw new Error("the page has no #root");
createRoot(place).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={resolver} defaultColorScheme="auto" colorSchemeManager={localStorageColorSchemeManager({ key: "oncue-theme" })}>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
