// SPDX-License-Identifier: MIT
// coordd --trace-log: the file of this peer's events, which goes on over its lives.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/descriptor.hpp"
#include "base/result.hpp"

namespace coord::coordd {

class TraceLog {
 public:
  // The file is made, or what a death left of a last line is cut off.
  static Result<std::unique_ptr<TraceLog>> open(const std::string& path, const std::string& host);

  // How many events of each host its last line knows.
  const std::map<std::string, std::uint64_t>& known() const { return known_; }
  // Into the system's memory, before the message that it is about goes out. `failed` is told once: then
  // nothing more is written, for a log with a gap is none.
  void write(const std::string& line, const std::function<void(const std::string&)>& failed);

 private:
  TraceLog(Descriptor file, std::map<std::string, std::uint64_t> known)
      : file_(std::move(file)), known_(std::move(known)) {}

  Descriptor file_;
  std::map<std::string, std::uint64_t> known_;
  bool over_ = false;
};

}  // namespace coord::coordd
