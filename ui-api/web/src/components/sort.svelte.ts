// The order of a table, by a click on its heads.

export class Sorting<Column extends string> {
  column = $state() as Column;
  descending = $state(true);

  constructor(column: Column, descending = true) {
    this.column = column;
    this.descending = descending;
  }

  by(column: Column, descending = true) {
    this.descending = this.column === column ? !this.descending : descending;
    this.column = column;
  }

  state(column: Column): 'ascending' | 'descending' | undefined {
    if (column !== this.column) return undefined;
    return this.descending ? 'descending' : 'ascending';
  }

  /** A sorted copy; what has no value stands last in both orders. */
  apply<Item>(items: readonly Item[], value: (item: Item, column: Column) => number | string | null | undefined): Item[] {
    const sign = this.descending ? -1 : 1;
    const column = this.column;
    return [...items].sort((a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      if (x == null || y == null) return Number(x == null) - Number(y == null);
      return x < y ? -sign : x > y ? sign : 0;
    });
  }
}
