import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Part, Tool } from './part.ts';

export interface GoBuild {
  /** Default a program; `tests` makes one of the tests of a package, which `go test` would run. */
  readonly of?: 'program' | 'tests';
  /** Import paths, or `.` for the sources themselves. */
  readonly packages: readonly string[];
  /** File or, with a `/` at its end, folder in the part. */
  readonly to: string;
  readonly tags?: readonly string[];
  /** Default stripped of symbols. */
  readonly linkerFlags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Modules may be named that only the module graph needs; the copy of go.mod in the bench may be completed. */
const MODULES = { GOFLAGS: '-mod=mod', GOWORK: 'off' };

export async function goBuild(bench: Bench, build: GoBuild): Promise<void> {
  const target = join(bench.out, build.to);
  if (build.to.endsWith('/')) mkdirSync(target, { recursive: true });
  const flags = ['-s', '-w', '-buildid=', ...(build.linkerFlags ?? [])].join(' ');
  const tags = build.tags === undefined ? [] : ['-tags', build.tags.join(',')];
  const argv = [
    'go',
    ...(build.of === 'tests' ? ['test', '-c'] : ['build']),
    '-trimpath',
    ...tags,
    '-ldflags',
    flags,
    '-o',
    build.to.endsWith('/') ? `${target}/` : target,
  ];
  await bench.run([...argv, ...build.packages], {
    directory: bench.sources,
    environment: { CGO_ENABLED: '0', ...MODULES, ...build.environment },
  });
}

/** The version of a module that the sources ask for. */
export async function goModuleVersion(bench: Bench, module: string): Promise<string> {
  const argv = ['go', 'list', '-m', '-f', '{{.Version}}', module];
  return (await bench.run(argv, { directory: bench.sources, environment: MODULES })).trim();
}

/** A part that is one or more calls of `go build`. */
export function goPart(name: string, sources: string, builds: readonly GoBuild[]): Part {
  const tools: Tool[] = ['go'];
  return {
    name,
    sources,
    recipe: { builds },
    tools,
    async build(bench) {
      for (const build of builds) await goBuild(bench, build);
    },
  };
}
