import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** What runs or is read at run time. */
const RUNS = /\.([cm]?js|json|node|wasm|proto)$/;
const TESTS = /[.-](test|spec)\.[cm]?js$/;
/** Settings of development tools. */
const TOOLING = /^(tsconfig.*\.json|eslint\.config\.[cm]?js)$/;
const LEGAL = /^(licen[cs]e|notice|copying|copyright|authors|patents)([.-].*)?$/i;
/**
 * Folders right in a package without anything that a program loads (deeper down, `doc` may be code); the last hold builds for
 * a C library that the images do not have.
 */
const IDLE_FOLDERS = new Set([
  ...['test', 'tests', '__tests__', 'doc', 'docs', 'example', 'examples', 'bench', 'benchmark', 'benchmarks'],
  ...['.github', 'coverage', 'typings', 'musl_x64', 'musl_arm64'],
]);

/**
 * The files of an npm package that an image needs, as paths relative to its folder, sorted: code, data and licences; no
 * types, source maps, sources of other languages, tests and documents. Empty for a package of types alone.
 */
export function shippedFiles(folder: string): string[] {
  const files = walk(folder, '').filter((path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return LEGAL.test(name) || (RUNS.test(name) && !TESTS.test(name) && !TOOLING.test(name));
  });
  return files.some((path) => /\.([cm]?js|node|wasm)$/.test(path)) ? files.toSorted() : [];
}

/** The licences and notices right in a package's folder, sorted. */
export function legalFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => LEGAL.test(name))
    .toSorted();
}

function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    // Packages within the package come by themselves.
    if (entry.isDirectory()) return IDLE_FOLDERS.has(path) || entry.name === 'node_modules' ? [] : walk(root, path);
    return entry.isFile() ? [path] : [];
  });
}
