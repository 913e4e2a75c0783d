import { expect, test } from 'vitest';
import { formatTags, parseTags } from './tags';

test('conditions survive being written and read', () => {
  for (const tags of [
    ['http.request.method=GET'],
    ['a=', 'b=c=d'],
    ['db.query.text=select "x" from t where a = \'b\\n\''],
    ['my key=my value', 'error=true'],
    ['url.full=http://127.0.0.1:80/a?b=c&d=e'],
    ['汉字=值', '"=\\'],
  ]) {
    expect(parseTags(formatTags(tags))).toEqual({ tags });
  }
});

test('what is no condition is named', () => {
  expect(parseTags('')).toEqual({ tags: [] });
  expect(parseTags('a=b rest')).toEqual({ wrong: 'rest' });
  expect(parseTags('=x')).toEqual({ wrong: '=x' });
  expect(parseTags('a="open')).toEqual({ wrong: 'a="open' });
});
