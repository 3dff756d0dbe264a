import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Reads the project as architecture.test.ts judges it: as text, without compiling. */
export interface SourceFile {
  /** From the project's root, with forward slashes. */
  path: string;
  text: string;
  /** The text with every comment blanked; lines keep their numbers. */
  code: string;
  imports: string[];
}

const FOLDERS = ['src', 'test', 'scripts', 'examples', 'bench', 'chaos', 'dashboard'];

export function sourceFiles(root: string, extensions = ['ts', 'tsx']): SourceFile[] {
  const folders = FOLDERS.filter(folder => existsSync(join(root, folder)));
  const paths = folders.flatMap(folder =>
    extensions.flatMap(extension =>
      globSync(`${folder}/**/*.${extension}`, {
        cwd: root,
        exclude: name => /(^|\/)(node_modules|dist)$/.test(name),
      }),
    ),
  );
  return paths.sort().map(path => sourceFile(path, readFileSync(join(root, path), 'utf8')));
}

export function sourceFile(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  return { path, text, code, imports: importsIn(code) };
}

/** Static, re-exporting and dynamic imports, those of types included. */
export function importsIn(code: string): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])([^'"\n]+)\1/g;
  return [...code.matchAll(pattern)].flatMap(match => match[2] ?? []);
}

/** Where a relative import leads, from the project's root. */
export function resolveImport(from: string, specifier: string): string {
  return relative('.', join(dirname(from), specifier));
}

/** `@scope/name/deep` and `name/deep` without what is behind the name. */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** Comments blanked, strings kept: `'http://x'` is no comment and `// from 'x'` no import. */
function withoutComments(text: string): string {
  const pattern =
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(?<![:/\\])\/\/[^\n]*/g;
  return text.replaceAll(
    pattern,
    (all, string: string | undefined) => string ?? all.replaceAll(/[^\n]/g, ' '),
  );
}
