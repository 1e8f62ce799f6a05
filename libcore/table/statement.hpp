// SPDX-License-Identifier: MIT
// A prepared statement of SQLite, and its errors as values.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace coord::table {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// Of the last call on it. No room on the disk is told apart (ring::is_full).
Error error_of(sqlite3* database, const std::string& path);

class Statement {
 public:
  Statement() = default;
  static Result<Statement> prepare(sqlite3* database, const std::string& path, const char* text);

  // From 1 on; what is bound must live until the next reset().
  Statement& bind(int place, std::int64_t number);
  Statement& bind(int place, std::uint64_t number) { return bind(place, static_cast<std::int64_t>(number)); }
  Statement& bind(int place, ByteView bytes);
  Statement& bind(int place, std::string_view bytes) { return bind(place, bytes_of(bytes)); }

  Result<bool> step();  // true: there is a row
  Status run();         // to its end, and made ready for the next time
  void reset();

  // Of the row, from 0 on.
  std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
  }
  ByteView bytes(int column) const;
  std::string string(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

}  // namespace coord::table
