// SPDX-License-Identifier: MIT
#include "dpeers/check.hpp"

#include <sys/statvfs.h>

#include "base/format.hpp"

namespace coord::dpeers {

namespace {

std::optional<double> used_of(const std::string& directory) {
  struct statvfs space {};
  if (directory.empty() || ::statvfs(directory.c_str(), &space) != 0 || space.f_blocks == 0)
    return std::nullopt;
  const double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  return 1 - free / (static_cast<double>(space.f_blocks) * static_cast<double>(space.f_frsize));
}

std::string in_one_line(const Error& error) {
  std::string text = error.text();
  for (char& c : text)
    if (c == '\n' || c == '|') c = ' ';  // what follows '|' would be figures
  return text;
}

}  // namespace

Check check(const cli::ConnectOptions& options) {
  const auto answer = ask_peer(options);
  if (!answer) return {Verdict::unknown, fmt::format("COORDUTILS UNKNOWN - {}", in_one_line(answer.error()))};
  Findings ignored, clock;
  const Examined examined = examine_configuration(options, ignored);
  examine_clock(clock);
  return judge(*answer, used_of(examined.state_dir), clock);
}

}  // namespace coord::dpeers
