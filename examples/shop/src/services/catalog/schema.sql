CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    price_cents INTEGER NOT NULL,
    weight_grams INTEGER NOT NULL
);
CREATE TABLE stock (
    product_id INTEGER PRIMARY KEY REFERENCES products (id),
    units INTEGER NOT NULL
);
INSERT INTO products (id, name, price_cents, weight_grams) VALUES
    (1, 'espresso cup', 1290, 180),
    (2, 'moka pot', 3490, 640),
    (3, 'hand grinder', 8900, 720),
    (4, 'gooseneck kettle', 11900, 1150),
    (5, 'kitchen scale', 4290, 410),
    (6, 'paper filters', 490, 90),
    (7, 'milk jug', 1990, 310),
    (8, 'knock box', 2790, 880),
    (9, 'tamper', 3190, 460),
    (10, 'thermometer', 1590, 60);
INSERT INTO stock (product_id, units) SELECT id, 40 + id FROM products;
