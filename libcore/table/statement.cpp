// SPDX-License-Identifier: MIT
#include "table/statement.hpp"

#include <utility>

#include "base/check.hpp"
#include "ring/storage.hpp"

namespace coord::table {

Error error_of(sqlite3* database, const std::string& path) {
  const int code = sqlite3_extended_errcode(database) & 0xff;
  if (code == SQLITE_FULL) return ring::full_error(path);
  return {ErrorKind::unavailable, path, sqlite3_errmsg(database), "look at the disk and the file"};
}

Result<Statement> Statement::prepare(sqlite3* database, const std::string& path, const char* text) {
  sqlite3_stmt* made = nullptr;
  if (sqlite3_prepare_v3(database, text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr) != SQLITE_OK)
    return error_of(database, path);
  Statement statement;
  statement.statement_.reset(made);
  statement.path_ = path;
  return statement;
}

Statement& Statement::bind(int place, std::int64_t number) {
  COORD_CHECK(sqlite3_bind_int64(statement_.get(), place, number) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int place, ByteView bytes) {
  // A null pointer would be NULL, and no empty string.
  static constexpr std::uint8_t empty = 0;
  const void* const data = bytes.empty() ? &empty : bytes.data();
  COORD_CHECK(sqlite3_bind_blob64(statement_.get(), place, data, bytes.size(), SQLITE_STATIC) == SQLITE_OK);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const Error error = error_of(sqlite3_db_handle(statement_.get()), path_);
  reset();
  return error;
}

Status Statement::run() {
  for (;;) {
    auto row = step();
    if (!row) return row.error();
    if (*row) continue;
    reset();
    return done();
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

ByteView Statement::bytes(int column) const {
  const auto* const data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string Statement::string(int column) const {
  const ByteView view = bytes(column);
  return {reinterpret_cast<const char*>(view.data()), view.size()};
}

}  // namespace coord::table
