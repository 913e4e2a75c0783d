//! Pools, connections and transactions of the crate `sqlx` that trace their queries.
//!
//! ```no_run
//! use laneway::sqlx::Traced;
//! use sqlx::PgPool;
//!
//! # async fn example() -> sqlx::Result<()> {
//! let db = Traced::pool(PgPool::connect("postgres://shop@database/shop").await?);
//! let query = "SELECT owner FROM carts WHERE id = $1";
//! let owner: String = sqlx::query_scalar(query).bind(7).fetch_one(&db).await?;
//!
//! let mut transaction = db.begin().await?;
//! sqlx::query("DELETE FROM carts WHERE owner = $1").bind(owner).execute(transaction.executor()).await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each query is a CLIENT span by OpenTelemetry's conventions for SQL databases, named after its summary (`SELECT carts`); `BEGIN`,
//! `COMMIT` and `ROLLBACK` are spans too, those that the methods of [`Traced`] make. A span begins with the call and ends with the
//! last row, or where the rows are dropped; the wait for a connection of a pool is within it.
//!
//! The text of a query that has arguments is recorded, not its arguments. Of one that has none each literal is recorded as `?`, and comments
//! are not. A failed query has the database's message as its status, in which a database may name a value.
//!
//! # Feature `macros`
//!
//! sqlx itself must have its feature `macros`, as it has by default: an executor of one that has not lacks a method, so that its drivers do
//! not compile beside this.

mod comment;
mod database;
mod query;
mod rows;
mod sql;

use std::fmt;
use std::ops::DerefMut;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx_core::Either;
use sqlx_core::connection::Connection;
use sqlx_core::database::Database;
use sqlx_core::describe::Describe;
use sqlx_core::error::Error;
use sqlx_core::executor::{Execute, Executor};
use sqlx_core::pool::{Pool, PoolConnection};
use sqlx_core::sql_str::SqlStr;
use sqlx_core::transaction::Transaction;

use self::database::Target;
use self::query::Query;
use self::rows::{Rows, traced, traced_row};
use crate::record::SpanKind;
use crate::span::Span;

/// A pool, a connection or a transaction that opens a span for each query.
///
/// `&Traced<Pool<_>>` and `Traced<&mut PgConnection>` (or another database's) are [executors](Executor), for whatever sqlx has that
/// takes one.
#[derive(Clone)]
pub struct Traced<C> {
    inner: C,
    tracer: Tracer,
}

/// What every query of one database has in common.
#[derive(Debug, Clone, Default)]
struct Tracer {
    target: Arc<Target>,
    has_comments: bool,
}

impl<C> Traced<C> {
    /// Traces this connection: one that comes from no pool, such as `&mut PgConnection`. It does not tell what it is connected to.
    pub fn new(inner: C) -> Self {
        Self { inner, tracer: Tracer::default() }
    }

    /// Host and port of the database, for the attributes `server.address` and `server.port`. A pool knows them from what it connects with.
    #[must_use]
    pub fn server_address(mut self, address: impl Into<String>, port: u16) -> Self {
        let target = Arc::make_mut(&mut self.tracer.target);
        (target.address, target.port) = (Some(address.into()), Some(port));
        self
    }

    /// Name of the database, for the attribute `db.namespace`. A pool knows it from what it connects with.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.tracer.target).namespace = Some(namespace.into());
        self
    }

    /// Sends trace and lane along, as a comment of each query (`/*lane='grey',traceparent='00-...'*/`,
    /// [sqlcommenter](https://google.github.io/sqlcommenter/spec/)), where logs and proxies of the database find it. Off by default.
    ///
    /// It has a price: as each text is another one, no statement is prepared once and used again, so that a query takes a round trip
    /// more. A query that has a comment already, or more than 32 KiB, is left as it is.
    #[must_use]
    pub fn with_comments(mut self) -> Self {
        self.tracer.has_comments = true;
        self
    }

    /// What is traced, for calls that are not to be.
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// What is traced.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<DB: Database> Traced<Pool<DB>> {
    /// Traces the queries of this pool.
    pub fn pool(pool: Pool<DB>) -> Self {
        let target = Arc::new(Target::of_pool(&pool));
        Self { inner: pool, tracer: Tracer { target, has_comments: false } }
    }

    /// A connection of the pool. That it is waited for is no span: it may be no call.
    ///
    /// # Errors
    /// As [`Pool::acquire`] has them.
    pub async fn acquire(&self) -> Result<Traced<PoolConnection<DB>>, Error> {
        Ok(Traced { inner: self.inner.acquire().await?, tracer: self.tracer.clone() })
    }

    /// Begins a transaction, which is rolled back when it is dropped.
    ///
    /// # Errors
    /// As [`Pool::begin`] has them.
    pub async fn begin(&self) -> Result<Traced<Transaction<'static, DB>>, Error> {
        let inner = traced(self.tracer.statement::<DB>("BEGIN"), self.inner.begin()).await?;
        Ok(Traced { inner, tracer: self.tracer.clone() })
    }
}

impl<DB: Database> Traced<Transaction<'_, DB>> {
    /// Commits the transaction.
    ///
    /// # Errors
    /// As [`Transaction::commit`] has them.
    pub async fn commit(self) -> Result<(), Error> {
        traced(self.tracer.statement::<DB>("COMMIT"), self.inner.commit()).await
    }

    /// Aborts the transaction.
    ///
    /// # Errors
    /// As [`Transaction::rollback`] has them.
    pub async fn rollback(self) -> Result<(), Error> {
        traced(self.tracer.statement::<DB>("ROLLBACK"), self.inner.rollback()).await
    }
}

impl<C> Traced<C>
where
    C: DerefMut<Target: Connection + Sized>,
{
    /// The connection of a transaction, or one from a pool, as an [executor](Executor): what sqlx has as `&mut *transaction`.
    pub fn executor(&mut self) -> Traced<&mut C::Target> {
        Traced { inner: &mut *self.inner, tracer: self.tracer.clone() }
    }
}

impl Tracer {
    /// The span of a statement that sqlx itself makes.
    fn statement<DB: Database>(&self, statement: &'static str) -> Span {
        self.span::<DB>(|_| statement.to_owned())
    }

    fn span<DB: Database>(&self, summary: impl FnOnce(sql::Dialect) -> String) -> Span {
        let mut span = crate::span!(kind: SpanKind::Client, "query");
        if span.is_recording() {
            self.target.describe::<DB>(&mut span);
            let summary = summary(self.target.dialect::<DB>());
            if !summary.is_empty() {
                span.rename(&summary);
                span.set("db.query.summary", summary.as_str());
            }
        }
        span
    }

    /// The span of a query, and the query as it is sent.
    fn open<'q, DB: Database>(&self, query: impl Execute<'q, DB>) -> (Query<DB>, Span) {
        let mut query = Query::new(query);
        let mut span = self.span::<DB>(|dialect| sql::summary(query.text(), dialect));
        let dialect = self.target.dialect::<DB>();
        if span.is_recording() {
            if query.is_parameterized() {
                span.set("db.query.text", query.text());
            } else {
                span.set("db.query.text", sql::redacted(query.text(), dialect).as_str());
            }
        }
        if self.has_comments
            && let Some(comment) = comment::comment(span.context())
        {
            query.comment(&comment, dialect);
        }
        (query, span)
    }
}

/// The executor that is traced, and how: what the two kinds of executors below have in common.
macro_rules! trace_executor {
    ($database:ty, $lifetime:lifetime) => {
        type Database = $database;

        fn fetch_many<'e, 'q: 'e, E>(
            self,
            query: E,
        ) -> BoxStream<
            'e,
            Result<Either<<$database as Database>::QueryResult, <$database as Database>::Row>, Error>,
        >
        where
            $lifetime: 'e,
            E: 'q + Execute<'q, $database>,
        {
            let (query, span) = self.tracer.open(query);
            Box::pin(Rows::new(span, self.inner_executor().fetch_many(query)))
        }

        fn fetch_optional<'e, 'q: 'e, E>(
            self,
            query: E,
        ) -> BoxFuture<'e, Result<Option<<$database as Database>::Row>, Error>>
        where
            $lifetime: 'e,
            E: 'q + Execute<'q, $database>,
        {
            let (query, span) = self.tracer.open(query);
            Box::pin(traced_row(span, self.inner_executor().fetch_optional(query)))
        }

        fn prepare_with<'e>(
            self,
            sql: SqlStr,
            parameters: &'e [<$database as Database>::TypeInfo],
        ) -> BoxFuture<'e, Result<<$database as Database>::Statement, Error>>
        where
            $lifetime: 'e,
        {
            let summary = |dialect| format!("PREPARE {}", sql::summary(sql.as_str(), dialect));
            let span = self.tracer.span::<$database>(summary);
            Box::pin(traced(span, self.inner_executor().prepare_with(sql, parameters)))
        }

        // Asked by sqlx's macros, while a program is compiled.
        fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<$database>, Error>>
        where
            $lifetime: 'e,
        {
            self.inner_executor().describe(sql)
        }
    };
}

impl<DB: Database> Traced<Pool<DB>> {
    fn inner_executor(&self) -> &Pool<DB> {
        &self.inner
    }
}

impl<'c, C> Traced<&'c mut C> {
    fn inner_executor(self) -> &'c mut C {
        self.inner
    }
}

impl<'c, DB: Database> Executor<'c> for &'c Traced<Pool<DB>>
where
    for<'a> &'a mut DB::Connection: Executor<'a, Database = DB>,
{
    trace_executor!(DB, 'c);
}

impl<'c, C: Connection> Executor<'c> for Traced<&'c mut C>
where
    &'c mut C: Executor<'c, Database = C::Database>,
{
    trace_executor!(C::Database, 'c);
}

impl<C> fmt::Debug for Traced<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").field("tracer", &self.tracer).finish_non_exhaustive()
    }
}
