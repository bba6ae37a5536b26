"""Who may write what only one process may write: PostgreSQL's advisory lock; on SQLite there is one process.

The lock belongs to a connection, so it falls to another process as soon as this one is gone.
"""

import sqlalchemy as sa

# Any number that no other program on this database uses: "koffert" in ASCII, cut to 63 bits.
_LOCK = int.from_bytes(b"koffert")


class Leadership:
    """Ask `held` before each piece of work; call it from one thread."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._connection: sa.Connection | None = None

    def held(self) -> bool:
        """Whether this process leads now; tries to become the leader when nobody is."""
        if self._engine.dialect.name != "postgresql":
            return True
        try:
            return self._still_held() or self._acquire()
        except sa.exc.OperationalError:
            self.release()
            return False

    def release(self) -> None:
        """Let another process lead."""
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _still_held(self) -> bool:
        if self._connection is None:
            return False
        self._connection.exec_driver_sql("SELECT 1")
        return True

    def _acquire(self) -> bool:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK))).scalar_one():
            self._connection = connection
            return True
        connection.close()
        return False
