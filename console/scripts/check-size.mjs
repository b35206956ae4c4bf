// Fails when what the browser loads before the first page shows is over the budget, counted gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 350 * 1024;
const out = new URL("../../src/oncue/console_build/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", out), "utf8"));

const files = new Set();
function take(key) {
  const entry = manifest[key];
  if (!entry || files.has(entry.file)) return;
  files.add(entry.file);
  for (const css of entry.css ?? []) files.add(css);
  for (const dependency of entry.imports ?? []) take(dependency);
}
take("index.html");
// The page that opens first is lazy, too, and belongs to the first load.
for (const key of Object.keys(manifest)) if (key.startsWith("src/pages/now/")) take(key);

let total = 0;
for (const file of [...files].sort()) {
  const size = gzipSync(readFileSync(new URL(file, out))).length;
  total += size;
  console.log(`${String((size / 1024).toFixed(1)).padStart(8)} KB  ${file}`);
}
console.log(`${String((total / 1024).toFixed(1)).padStart(8)} KB  first load, gzipped; the budget is ${BUDGET / 1024} KB`);
if (total > BUDGET) {
  console.error("The first load is over its budget: make a heavy part lazy.");
  process.exit(1);
}
