/** The address, where a text is one that a browser may open: http or https, and nothing around it. Else `undefined`. */
export function webAddress(text: string): string | undefined {
  if (!/^https?:\/\/[^\s<>"'`\\]+$/i.test(text) || text.length > 2000) return undefined;
  try {
    const { protocol, href, username, password } = new URL(text);
    return (protocol === 'http:' || protocol === 'https:') && !username && !password ? href : undefined;
  } catch {
    return undefined;
  }
}
