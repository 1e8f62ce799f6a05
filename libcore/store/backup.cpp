// SPDX-License-Identifier: MIT
#include "store/backup.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "store/crc32c.hpp"
#include "store/recovery.hpp"
#include "store/segment.hpp"

namespace coord::store {
namespace {

constexpr std::string_view backup_magic = "coordbak";
constexpr std::uint32_t backup_version = 1;

Bytes head_of(const Backup& backup) {
  ByteWriter out;
  out.put(bytes_of(backup_magic));
  out.put(backup_version);
  out.put(std::uint32_t{backup.state.level});
  out.put(ByteView(backup.founding));
  put_snapshot_ref(
      out, {backup.state.index, backup.state.term, backup.state.data.size(), crc32c(backup.state.data)});
  out.put(crc32c(out.bytes()));
  return out.take();
}

class CopiedFile final : public DiskFile {
 public:
  explicit CopiedFile(Bytes& content) : content_(content) {}

  Status write(std::uint64_t offset, ByteView data) override {
    if (offset + data.size() > content_.size()) content_.resize(offset + data.size());
    std::ranges::copy(data, content_.begin() + static_cast<std::ptrdiff_t>(offset));
    return done();
  }
  Result<Bytes> read(std::uint64_t offset, std::size_t size) override {
    const std::size_t from = std::min<std::size_t>(offset, content_.size());
    const std::size_t upto = from + std::min(size, content_.size() - from);
    return Bytes(content_.begin() + static_cast<std::ptrdiff_t>(from),
                 content_.begin() + static_cast<std::ptrdiff_t>(upto));
  }
  Status sync() override { return done(); }
  Result<std::uint64_t> size() override { return std::uint64_t{content_.size()}; }
  Status truncate(std::uint64_t size) override {
    content_.resize(size);
    return done();
  }

 private:
  Bytes& content_;
};

// A log's files, in memory.
class CopiedDisk final : public Disk {
 public:
  Status add(Disk& from, const std::string& name) {
    auto file = from.open(name);
    if (!file.ok()) return file.error();
    const auto size = (*file)->size();
    if (!size.ok()) return size.error();
    if (*size > backup_limit) return Error{ErrorKind::data, name, "is too large", "check the file"};
    auto content = (*file)->read(0, static_cast<std::size_t>(*size));
    if (!content.ok()) return content.error();
    files_.insert_or_assign(name, std::move(*content));
    return done();
  }

  Result<std::vector<std::string>> list() override {
    std::vector<std::string> names;
    for (const auto& [name, content] : files_) names.push_back(name);
    return names;
  }
  Result<std::unique_ptr<DiskFile>> open(const std::string& name) override {
    const auto found = files_.find(name);
    if (found == files_.end()) return missing(name);
    return std::unique_ptr<DiskFile>(std::make_unique<CopiedFile>(found->second));
  }
  Result<std::unique_ptr<DiskFile>> create(const std::string& name) override {
    return std::unique_ptr<DiskFile>(std::make_unique<CopiedFile>(files_[name]));
  }
  Status rename(const std::string& from, const std::string& to) override {
    auto moved = files_.extract(from);
    if (moved.empty()) return missing(from);
    files_.insert_or_assign(to, std::move(moved.mapped()));
    return done();
  }
  Status remove(const std::string& name) override {
    files_.erase(name);
    return done();
  }
  Status sync_directory() override { return done(); }
  Result<std::uint64_t> free_bytes() override { return std::uint64_t{backup_limit}; }

 private:
  static Error missing(const std::string& name) {
    return {ErrorKind::unavailable, name, "is not there", "look into the directory"};
  }

  std::map<std::string, Bytes> files_;
};

Result<std::optional<Identity>> owner_of(Disk& disk, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!segment_sequence(name)) continue;
    auto file = disk.open(name);
    if (!file.ok()) return file.error();
    const auto block = (*file)->read(0, segment_header_size);
    if (!block.ok()) return block.error();
    const auto header = decode_segment_header(*block);
    if (header) return std::optional<Identity>(header->identity);
  }
  return std::optional<Identity>();
}

}  // namespace

Bytes encode_backup(const Backup& backup) {
  Bytes file = head_of(backup);
  const ByteView data = backup.state.data;
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

std::optional<Backup> decode_backup(ByteView file) {
  Backup backup;
  ByteReader in(file);
  const ByteView found_magic = in.get(backup_magic.size());
  if (!std::ranges::equal(found_magic, bytes_of(backup_magic)) || in.get<std::uint32_t>() != backup_version)
    return std::nullopt;
  backup.state.level = in.get<std::uint32_t>();
  const ByteView id = in.get(backup.founding.size());
  if (in.failed() || backup.state.level < first_level) return std::nullopt;
  std::ranges::copy(id, backup.founding.begin());
  const auto ref = get_snapshot_ref(in);
  if (!ref || ref->index.value == 0 || ref->index.value == UINT64_MAX) return std::nullopt;
  (void)in.get<std::uint32_t>();
  if (in.failed() || in.left() != ref->size || ref->size > snapshot_limit) return std::nullopt;
  backup.state.index = ref->index;
  backup.state.term = ref->term;
  const ByteView data = in.get(static_cast<std::size_t>(ref->size));
  backup.state.data = Bytes(data.begin(), data.end());
  // What stands before the state follows from all this, its two checksums included.
  const Bytes head = head_of(backup);
  if (!std::ranges::equal(head, file.first(std::min(head.size(), file.size())))) return std::nullopt;
  return backup;
}

std::string text_of(const FoundingId& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : id) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::optional<FoundingId> parse_founding_id(const std::string& text) {
  FoundingId id{};
  if (text.size() != 2 * id.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_digit = c >= '0' && c <= '9', is_letter = c >= 'a' && c <= 'f';
    if (!is_digit && !is_letter) return std::nullopt;
    const auto value = static_cast<unsigned>(is_digit ? c - '0' : c - 'a' + 10);
    id[i / 2] = static_cast<std::uint8_t>(id[i / 2] << 4U | value);
  }
  return id;
}

Result<std::optional<raft::Recovered>> read_log_of_any(Disk& disk, const std::string& place) {
  const auto names = disk.list();
  if (!names.ok()) return names.error();
  CopiedDisk copy;
  // Segments first: a snapshot that the log names is then there, or was replaced meanwhile.
  for (const bool segments : {true, false}) {
    for (const std::string& name : *names) {
      const bool wanted = segments ? segment_sequence(name).has_value() : snapshot_index(name).has_value();
      if (!wanted) continue;
      if (Status copied = copy.add(disk, name); !copied.ok()) return copied.error();
    }
  }
  const auto owner = owner_of(copy, *names);
  if (!owner.ok()) return owner.error();
  if (!*owner) return std::optional<raft::Recovered>();
  Options options;
  options.place = place;
  auto recovery = recover(copy, options, **owner);
  if (!recovery.ok()) return recovery.error();
  if (!*recovery) return std::optional<raft::Recovered>();
  return std::optional<raft::Recovered>(std::move((*recovery)->raft));
}

}  // namespace coord::store
