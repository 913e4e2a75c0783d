// What this browser remembers: theme, language, time zone. Nothing else is kept, and nothing is sent.

import type { Zone } from './format';

export type Theme = 'auto' | 'light' | 'dark';
export type Locale = 'en' | 'zh';

function stored<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
  try {
    const value = localStorage.getItem(`laneway.${name}`) as T | null;
    return value && allowed.includes(value) ? value : fallback;
  } catch {
    return fallback;
  }
}

function store(name: string, value: string) {
  try {
    localStorage.setItem(`laneway.${name}`, value);
  } catch {
    // A browser that keeps nothing still works.
  }
}

const systemDark = matchMedia('(prefers-color-scheme: dark)');

class Preferences {
  theme = $state<Theme>(stored('theme', ['auto', 'light', 'dark'], 'auto'));
  locale = $state<Locale>(stored('locale', ['en', 'zh'], navigator.language.startsWith('zh') ? 'zh' : 'en'));
  zone = $state<Zone>(stored('zone', ['local', 'utc'], 'local'));
  private systemDark = $state(systemDark.matches);

  constructor() {
    systemDark.addEventListener('change', (event) => (this.systemDark = event.matches));
  }

  get dark(): boolean {
    return this.theme === 'dark' || (this.theme === 'auto' && this.systemDark);
  }

  /** Run in an effect of the page. */
  apply() {
    document.documentElement.dataset.theme = this.dark ? 'dark' : 'light';
    document.documentElement.lang = this.locale;
    store('theme', this.theme);
    store('locale', this.locale);
    store('zone', this.zone);
  }
}

export const preferences = new Preferences();
