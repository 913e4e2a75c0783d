//! A query whose text can be read before it is executed.

use sqlx_core::arguments::Arguments;
use sqlx_core::database::Database;
use sqlx_core::error::BoxDynError;
use sqlx_core::executor::Execute;
use sqlx_core::sql_str::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::sql::{self, Dialect};

/// A query in its parts. sqlx gives the text away only together with the query.
pub(super) struct Query<DB: Database> {
    sql: SqlStr,
    statement: Option<DB::Statement>,
    arguments: Result<Option<DB::Arguments>, BoxDynError>,
    is_persistent: bool,
}

impl<DB: Database> Query<DB> {
    pub(super) fn new<'q>(mut query: impl Execute<'q, DB>) -> Self {
        let arguments = query.take_arguments();
        let statement = query.statement().cloned();
        let is_persistent = query.persistent();
        Self { sql: query.sql(), statement, arguments, is_persistent }
    }

    pub(super) fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// Whether its values are apart from its text.
    pub(super) fn is_parameterized(&self) -> bool {
        matches!(&self.arguments, Ok(Some(arguments)) if arguments.len() > 0)
    }

    pub(super) fn comment(&mut self, comment: &str, dialect: Dialect) {
        if let Some(sql) = sql::commented(self.text(), comment, dialect) {
            // What is added is percent-encoded, and the query is as safe as it was.
            self.sql = AssertSqlSafe(sql).into_sql_str();
            // The text will not come again; its statement would push others out of the cache.
            self.is_persistent = false;
        }
    }
}

impl<DB: Database> Execute<'_, DB> for Query<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        self.statement.as_ref()
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        std::mem::replace(&mut self.arguments, Ok(None))
    }

    fn persistent(&self) -> bool {
        self.is_persistent
    }
}
