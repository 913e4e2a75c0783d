import { shell } from './en/shell';
import { search } from './en/search';
import { trace } from './en/trace';
import { fleet } from './en/fleet';

export const en = { ...shell, ...search, ...trace, ...fleet };
