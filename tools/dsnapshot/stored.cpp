// SPDX-License-Identifier: MIT
#include "stored.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "kept.hpp"
#include "snapshot/record_text.hpp"

namespace coord::dsnapshot {
namespace {

Result<std::string> read_all(const Descriptor& file, const std::string& name) {
  std::string text;
  std::vector<char> buffer(std::size_t{1} << 16U);
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{ErrorKind::data, name, std::strerror(errno), "give a readable snapshot"};
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > record::most_record_bytes)
      return Error{ErrorKind::data, name, "is larger than a snapshot may be", "is it one?"};
  }
}

}  // namespace

// A file if there is one of that name; an id has no slash.
Result<record::Snapshot> load(const Common& common, const std::string& name) {
  const bool is_stdin = name == "-";
  const Descriptor file(is_stdin ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                 : ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const std::string shown = is_stdin ? "standard input" : cli::shown(name);
  if (file.get() < 0 && errno == ENOENT && name.find('/') == std::string::npos) {
    const auto kept = fetch_kept(common, name);
    if (!kept) return kept.error();
    if (!*kept)
      return Error{ErrorKind::data, shown, "there is no such file, and no snapshot of that id is kept here",
                   "see dsnapshot list"};
    return record::from_text(**kept, shown);
  }
  if (file.get() < 0) return Error{ErrorKind::data, shown, std::strerror(errno), "give a readable snapshot"};
  const auto text = read_all(file, shown);
  if (!text) return text.error();
  return record::from_text(*text, shown);
}

std::string plural(std::uint64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : noun.ends_with("s") ? "es" : "s");
}

std::string missing_text(const record::Snapshot& snapshot) {
  std::string out;
  for (const auto& missing : snapshot.missing) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{}: {}", cli::shown(missing.id), to_string(missing.why));
  }
  return out;
}

std::string headline(const record::Snapshot& snapshot) {
  const std::string whose = snapshot.of_peers()
                                ? "the group"
                                : fmt::format("{}, view {}", cli::shown(snapshot.group), snapshot.view);
  return fmt::format(
      "snapshot {} of {}, {}: {}", cli::shown(snapshot.id), whose, rfc3339(snapshot.at, 3),
      snapshot.complete() ? "complete" : fmt::format("INCOMPLETE: {}", missing_text(snapshot)));
}

cli::Exit tell_incomplete(const record::Snapshot& snapshot) {
  if (snapshot.complete()) return cli::Exit::done;
  cli::notice("dsnapshot", fmt::format("{}: is incomplete: {}", snapshot.id, missing_text(snapshot)));
  return cli::Exit::no;
}

}  // namespace coord::dsnapshot
