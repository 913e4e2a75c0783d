// Keys that work everywhere. A key that is typed into a field is text.

export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement | null;
  return !!target?.closest('input, textarea, select, [contenteditable]');
}

/** Whether this is a bare key, which no browser or reader's shortcut needs. */
export function isBare(event: KeyboardEvent): boolean {
  return !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
}

/** Puts the cursor into the element that a view marks as its first field. */
export function focusMarked(name: 'search' | 'goto') {
  const field = document.querySelector<HTMLInputElement>(`[data-focus="${name}"]`);
  field?.focus();
  field?.select?.();
}
