// Attribute conditions as one writes them: `http.request.method=GET db.query.text="select 1"`.

/** The conditions as the query API takes them (`key=value`), or what is wrong with the text. */
export function parseTags(text: string): { tags: string[] } | { wrong: string } {
  const tags: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s="]+))=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)/y;
  const trimmed = text.trimEnd();
  while (pattern.lastIndex < trimmed.length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(trimmed);
    if (!found) return { wrong: trimmed.slice(at).trim() };
    const unquote = (quoted: string | undefined, bare: string | undefined) =>
      quoted === undefined ? (bare ?? '') : quoted.replace(/\\(.)/g, '$1');
    tags.push(`${unquote(found[1], found[2])}=${unquote(found[3], found[4])}`);
  }
  return { tags };
}

const quote = (text: string) => (/^[^\s="\\]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`);

export function formatTags(tags: readonly string[]): string {
  return tags
    .map((tag) => {
      const at = tag.indexOf('=');
      const value = tag.slice(at + 1);
      return `${quote(tag.slice(0, at))}=${/^[^\s"\\]*$/.test(value) ? value : quote(value)}`;
    })
    .join(' ');
}
