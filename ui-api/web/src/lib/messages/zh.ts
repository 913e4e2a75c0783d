import { shell } from './zh/shell';
import { search } from './zh/search';
import { trace } from './zh/trace';
import { fleet } from './zh/fleet';

export const zh = { ...shell, ...search, ...trace, ...fleet };
