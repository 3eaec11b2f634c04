import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/** A repository of a few small files in a folder of its own. */
export class Repository {
  readonly root: string = mkdtempSync(join(tmpdir(), 'ambit-repository-'));

  write(path: string, content: string | object): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  }

  link(path: string, target: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    symlinkSync(relative(dirname(file), join(this.root, target)), file);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}
