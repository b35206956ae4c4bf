import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.ONCUE_SERVER ?? "http://127.0.0.1:8480";

export default defineConfig({
  plugins: [react()],
  base: "/",
  build: {
    outDir: "../src/oncue/console_build",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    sourcemap: false,
    manifest: true,
    chunkSizeWarningLimit: 2000,
  },
  server: { proxy: { "/api": server, "/readyz": server, "/healthz": server } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
