import type { CommandOptions } from '../command.ts';

/** One thing a cluster is made of, built on this machine once and kept by the hash of what it is made from. */
export interface Part {
  readonly name: string;
  /** Folder below e2e/cluster-build whose files it is made from, if any. */
  readonly sources?: string;
  /** Everything else that decides how it comes out, as data: it is hashed. */
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Programs that the build needs. */
  readonly tools: readonly Tool[];
  build(bench: Bench): Promise<void>;
}

/** A program of the machine, and the Debian package that brings it. */
export type Tool = 'gcc' | 'go' | 'ldd' | 'pkg-config' | 'tar';

/** Where a part is built. */
export interface Bench {
  /** A copy of the sources, which the build may change. */
  readonly sources: string;
  /** Empty; what is in it afterwards is the part. */
  readonly out: string;
  /** For what lies between. */
  readonly scratch: string;
  /** Runs a command that must succeed, with these variables besides those of the caller. */
  run(argv: readonly string[], options?: Partial<CommandOptions>): Promise<string>;
}
