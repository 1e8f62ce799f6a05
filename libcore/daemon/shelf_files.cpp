// SPDX-License-Identifier: MIT
#include "daemon/shelf_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "snapshot/record_text.hpp"

namespace coord::daemon {
namespace {

// TIME-UID-HASH.jsonl, so that names sort by time; unfinished ones begin with a dot.
constexpr std::string_view suffix = ".jsonl";
constexpr std::size_t most_head = std::size_t{512} << 10U;  // of a first line that is looked at
constexpr std::size_t most_looked_at = 4096;                // files in the directory

Error failed(const std::string& what) {
  return Error{ErrorKind::unavailable, what, std::strerror(errno),
               "is there room, and may the peer write there?"};
}

std::uint64_t hash_of(std::string_view id) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

std::string name_of(std::uint32_t uid, const record::Snapshot& snapshot) {
  std::array<char, 80> name{};
  std::snprintf(name.data(), name.size(), "%020lld-%u-%016llx", static_cast<long long>(snapshot.at.unix_ns),
                uid, static_cast<unsigned long long>(hash_of(snapshot.id)));
  return std::string(name.data()) + std::string(suffix);
}

std::optional<std::uint32_t> uid_in(const std::string& name) {
  const std::size_t first = name.find('-');
  if (name.front() == '.' || first == std::string::npos || !name.ends_with(suffix)) return std::nullopt;
  std::uint32_t uid = 0;
  const char* const end = name.data() + name.size();
  const auto [after, error] = std::from_chars(name.data() + first + 1, end, uid);
  if (error != std::errc() || after == end || *after != '-') return std::nullopt;
  return uid;
}

std::optional<std::string> read_up_to(const std::string& path, std::size_t most) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0) return std::nullopt;
  std::string text;
  std::array<char, 65536> buffer{};
  while (text.size() < most) {
    const ssize_t n = ::read(file.get(), buffer.data(), std::min(buffer.size(), most - text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return text;
}

Status write_whole(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return failed(path);
  for (std::size_t done_bytes = 0; done_bytes < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + done_bytes, text.size() - done_bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failed(path);
    done_bytes += static_cast<std::size_t>(n);
  }
  return done();
}

Status sync(const std::string& path, int flags) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags));
  return file.is_open() && ::fsync(file.get()) == 0 ? done() : Status(failed(path));
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), ::closedir);
  if (open == nullptr) return names;
  while (const dirent* const entry = ::readdir(open.get())) {
    if (names.size() < most_looked_at) names.emplace_back(entry->d_name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Status ShelfFiles::open() {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) return failed(directory_);
  for (const std::string& name : names_in(directory_)) {
    if (name.front() != '.' || !name.ends_with(suffix)) continue;
    const auto text = read_up_to(path(name), local::most_kept_bytes);
    const auto uid = uid_in(name.substr(1));
    const auto snapshot =
        text && uid ? record::from_text(*text, name) : Result<record::Snapshot>(failed(name));
    if (!snapshot || !place({*uid, name.substr(1), snapshot->id, text->size()})) ::unlink(path(name).c_str());
  }
  return done();
}

std::vector<ShelfFiles::File> ShelfFiles::files() const {
  std::vector<File> out;
  std::map<std::string, Known> known;
  for (const std::string& name : names_in(directory_)) {
    const auto uid = uid_in(name);
    struct stat status {};
    if (!uid || ::lstat(path(name).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    Known is{status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, {}};
    const auto before = known_.find(name);
    if (before != known_.end() && before->second.inode == is.inode &&
        before->second.changed_s == is.changed_s && before->second.changed_ns == is.changed_ns) {
      is.entry = before->second.entry;
    } else {
      const auto text = read_up_to(path(name), most_head);
      if (!text) continue;
      const auto head = record::head_of(text->substr(0, text->find('\n')), name);
      if (!head) continue;
      is.entry = {head->id, head->group, head->at, head->complete(), 0, *uid};
    }
    is.entry.bytes = static_cast<std::uint64_t>(status.st_size);
    out.push_back({name, is.entry});
    known.emplace(name, std::move(is));
  }
  known_ = std::move(known);
  return out;
}

void ShelfFiles::make_room(std::uint32_t uid, std::uint64_t bytes) {
  std::vector<File> kept = files();
  const auto remove_while = [&](std::size_t most, std::uint64_t most_bytes, bool of_user) {
    for (;;) {
      std::size_t count = 1;
      std::uint64_t size = bytes;
      auto oldest = kept.end();
      for (auto file = kept.begin(); file != kept.end(); ++file) {
        if (of_user && file->entry.uid != uid) continue;
        if (oldest == kept.end()) oldest = file;
        ++count;
        size += file->entry.bytes;
      }
      if (oldest == kept.end() || (count <= most && size <= most_bytes)) return;
      ::unlink(path(oldest->name).c_str());
      kept.erase(oldest);
    }
  };
  remove_while(limits_.of_user, limits_.bytes_of_user, true);
  remove_while(limits_.of_all, limits_.bytes_of_all, false);
}

Result<ShelfFiles::Written> ShelfFiles::write(std::uint32_t uid, const std::string& text) {
  const auto snapshot = record::from_text(text, "the snapshot");
  if (!snapshot) return snapshot.error();
  Written written{uid, name_of(uid, *snapshot), snapshot->id, text.size()};
  const std::string unfinished = path(fmt::format(".{}", written.name));
  if (Status whole = write_whole(unfinished, text); !whole) {
    ::unlink(unfinished.c_str());
    return whole.error();
  }
  return written;
}

Status ShelfFiles::place(const Written& written) {
  const std::string unfinished = path(fmt::format(".{}", written.name)), name = path(written.name);
  if (Status synced = sync(unfinished, 0); !synced) {
    ::unlink(unfinished.c_str());
    return synced;
  }
  for (const File& file : files()) {
    if (file.entry.uid == written.uid && file.entry.id == written.id) ::unlink(path(file.name).c_str());
  }
  make_room(written.uid, written.bytes);
  if (::rename(unfinished.c_str(), name.c_str()) != 0) return failed(name);
  return sync(directory_, O_DIRECTORY);
}

Status ShelfFiles::keep(std::uint32_t uid, const std::string& text) {
  const auto written = write(uid, text);
  return written ? place(*written) : Status(written.error());
}

std::vector<local::KeptEntry> ShelfFiles::list(std::uint32_t uid, const std::string& group) const {
  std::vector<local::KeptEntry> out;
  for (const File& file : files()) {
    if (uid != 0 && file.entry.uid != uid) continue;
    if (group.empty() || file.entry.group == group) out.push_back(file.entry);
  }
  return out;
}

std::optional<std::string> ShelfFiles::fetch(std::uint32_t uid, const std::string& id) const {
  for (const File& file : files()) {
    if (file.entry.id == id && (uid == 0 || file.entry.uid == uid))
      return read_up_to(path(file.name), local::most_kept_bytes);
  }
  return std::nullopt;
}

}  // namespace coord::daemon
