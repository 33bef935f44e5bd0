import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { FILES, PAGES } from './files.js';

/** The name by which GitHub lets one link to a heading. */
function anchorOf(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return text.replace(/[^\p{L}\p{N}_\- ]/gu, '').replace(/ /g, '-');
}

function withoutCode(page: string): string {
  return page.replace(/^```.*?^```/gms, '');
}

function anchorsOf(page: string): ReadonlySet<string> {
  return new Set([...withoutCode(page).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = '']) => anchorOf(heading)));
}

/** What is wrong with a link of the page, if anything. */
function problemOf(file: string, link: string): string | undefined {
  if (/^https?:/.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? file : join(dirname(file), path).replace(/\/$/, '');
  const isThere = FILES.includes(target) || FILES.some((each) => each.startsWith(`${target}/`));
  if (!isThere) return `${file}: ${link} leads nowhere`;
  const page = PAGES.get(target);
  if (anchor === undefined || page === undefined || anchorsOf(page).has(anchor)) return undefined;
  return `${file}: ${target} has no heading #${anchor}`;
}

it('every link of every page leads to a file, and to a heading where it names one', () => {
  const problems = [...PAGES].flatMap(([file, page]) =>
    [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => problemOf(file, link)),
  );

  expect(problems.length).toBeGreaterThan(300);
  expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
});
