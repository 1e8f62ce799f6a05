// SPDX-License-Identifier: MIT
#include "store/recovery.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "store/log.hpp"
#include "store/refusal.hpp"
#include "store/snapshot_file.hpp"

namespace coord::store {
namespace {

struct Listing {
  std::vector<std::uint64_t> segments;  // the unbroken sequence that ends with the last
  std::vector<LogIndex> snapshots;
  std::vector<std::string> leftovers;
};

// Removing old segments may have been durable for any of them: what is left before a hole is of no use.
// Whether what is after it is enough, its first header tells.
Listing sort_out(const std::vector<std::string>& names) {
  Listing listing;
  for (const std::string& name : names) {
    if (const auto sequence = segment_sequence(name)) listing.segments.push_back(*sequence);
    if (const auto index = snapshot_index(name)) listing.snapshots.push_back(*index);
    if (name == spare_name || name == snapshot_temporary) listing.leftovers.push_back(name);
  }
  auto& segments = listing.segments;
  std::sort(segments.begin(), segments.end());
  std::size_t start = segments.empty() ? 0 : segments.size() - 1;
  while (start > 0 && segments[start - 1] + 1 == segments[start]) --start;
  for (std::size_t i = 0; i < start; ++i) listing.leftovers.push_back(segment_name(segments[i]));
  segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(start));
  return listing;
}

class Reader {
 public:
  Reader(Disk& disk, const Options& options, const Identity& expected)
      : disk_(disk), options_(options), identity_(expected) {}

  Result<std::optional<Recovery>> run();

 private:
  Status read_headers(const std::vector<std::uint64_t>& sequences);
  Status check_header(const SegmentHeader& header, std::uint64_t sequence);
  Status read_segments();
  Result<Segment> read_segment(std::size_t number, Bytes& content);
  Status check_continues(const Segment& before, const SegmentHeader& next);
  Status replay(const Segment& segment);
  Status replay_record(const Segment& segment, const Record& record);
  Status replay_persist(const Segment& segment, const Record& record);
  Status judge_end(const Segment& last);
  Status unmark(const Segment& last);
  Status repair(const Segment& last, const Bytes& content);
  Status load_snapshot(const std::vector<LogIndex>& present);
  Error refuse(std::uint64_t sequence, std::size_t at, const std::string& what) const {
    return refusal(options_, segment_name(sequence), fmt::format("at byte {}: {}", at, what));
  }

  Error too_new(const std::string& file, Level level) const {
    return misplaced(
        options_, file,
        fmt::format("it is of level {} of the group, and this program knows level {}", level, options_.level),
        "install the release that wrote it, or a later one");
  }

  Disk& disk_;
  const Options& options_;
  Identity identity_;  // the incarnation: of the first header that was read
  std::vector<SegmentHeader> headers_;
  std::optional<std::size_t> sealable_;  // where the records of the last segment but one end
  Recovery out_;
};

Result<std::optional<Recovery>> Reader::run() {
  const Result<std::vector<std::string>> names = disk_.list();
  if (!names.ok()) return unusable(options_, names.error());
  Listing listing = sort_out(*names);
  out_.leftovers = std::move(listing.leftovers);
  if (listing.segments.empty()) {
    if (listing.snapshots.empty()) return std::optional<Recovery>();
    return refusal(options_, snapshot_name(listing.snapshots.back()),
                   "a snapshot without its log: segments are missing");
  }
  // Names that are seen may not be durable yet; what is built on them must not outlive them.
  if (Status status = disk_.sync_directory(); !status.ok()) return unusable(options_, status.error());
  if (Status status = read_headers(listing.segments); !status.ok()) return status.error();
  if (Status status = read_segments(); !status.ok()) return status.error();
  if (Status status = load_snapshot(listing.snapshots); !status.ok()) return status.error();
  for (const LogIndex index : listing.snapshots) {
    if (index != out_.outline.state().snapshot.index) out_.leftovers.push_back(snapshot_name(index));
  }
  for (const SegmentHeader& header : headers_) out_.segments.emplace_back(header.sequence, header.size);
  out_.raft.hard_state = out_.outline.state().hard_state;
  out_.last = headers_.back();
  return std::optional<Recovery>(std::move(out_));
}

Status Reader::read_headers(const std::vector<std::uint64_t>& sequences) {
  for (const std::uint64_t sequence : sequences) {
    Result<std::unique_ptr<DiskFile>> file = disk_.open(segment_name(sequence));
    if (!file.ok()) return unusable(options_, file.error());
    const Result<Bytes> block = (*file)->read(0, segment_header_size);
    if (!block.ok()) return unusable(options_, block.error());
    const std::optional<Level> version = segment_version(*block);
    if (version && *version > options_.level) return too_new(segment_name(sequence), *version);
    const std::optional<SegmentHeader> header = decode_segment_header(*block, options_.level);
    if (!header) return refuse(sequence, 0, "the header is damaged, or of another version");
    if (Status status = check_header(*header, sequence); !status.ok()) return status;
    const Result<std::uint64_t> size = (*file)->size();
    if (!size.ok()) return unusable(options_, size.error());
    if (*size != header->size) {
      const std::uint64_t at = std::min(*size, header->size);
      return refuse(sequence, at,
                    fmt::format("the file was made with {} bytes and has {}", header->size, *size));
    }
    headers_.push_back(*header);
  }
  return done();
}

Status Reader::check_header(const SegmentHeader& header, std::uint64_t sequence) {
  if (header.sequence != sequence) return refuse(sequence, 0, "this is another segment under a wrong name");
  if (header.identity.node != identity_.node) {
    return misplaced(options_, segment_name(sequence), "this is the log of another peer",
                     "give each peer its own state directory and keep its name");
  }
  if (header.identity.group != identity_.group) {
    return misplaced(options_, segment_name(sequence),
                     "this is the log of another group, or the list of peers was changed",
                     "start with the list of peers that it was made with");
  }
  if (!headers_.empty() && header.identity.incarnation != identity_.incarnation) {
    return refuse(sequence, 0, "this segment is from another life of this peer");
  }
  identity_.incarnation = header.identity.incarnation;
  return done();
}

Status Reader::read_segments() {
  out_.outline.begin(headers_.front().state);
  for (std::size_t number = 0; number < headers_.size(); ++number) {
    const bool is_last = number + 1 == headers_.size();
    Bytes content;
    const Result<Segment> segment = read_segment(number, content);
    if (!segment.ok()) return segment.error();
    if (Status status = replay(*segment); !status.ok()) return status;
    if (is_last) {
      if (Status status = judge_end(*segment); !status.ok()) return status;
      return repair(*segment, content);
    }
    if (Status status = check_continues(*segment, headers_[number + 1]); !status.ok()) return status;
    sealable_ = segment->end;
  }
  return done();
}

Result<Segment> Reader::read_segment(std::size_t number, Bytes& content) {
  const SegmentHeader& header = headers_[number];
  Result<std::unique_ptr<DiskFile>> file = disk_.open(segment_name(header.sequence));
  if (!file.ok()) return unusable(options_, file.error());
  Result<Bytes> whole = (*file)->read(0, static_cast<std::size_t>(header.size));
  if (!whole.ok()) return unusable(options_, whole.error());
  content = std::move(*whole);
  std::optional<std::uint64_t> until;
  if (number + 1 < headers_.size()) until = headers_[number + 1].start;
  std::optional<Segment> segment = decode_segment(content, until, options_.level);
  if (!segment) return refuse(header.sequence, 0, "the file changed while it was read");
  out_.file = std::move(*file);
  return std::move(*segment);
}

// All of a segment was durable before the next was made, so nothing here is ever cut off.
Status Reader::check_continues(const Segment& before, const SegmentHeader& next) {
  if (before.offset(before.end) != next.start || before.chain != next.chain) {
    return refuse(before.header.sequence, before.end,
                  fmt::format("damaged, and {} follows it", segment_name(next.sequence)));
  }
  if (out_.outline.state() != next.state) {
    return refuse(next.sequence, 0, "the header contradicts the segment before it");
  }
  return done();
}

Status Reader::replay(const Segment& segment) {
  for (const Record& record : segment.records) {
    if (Status status = replay_record(segment, record); !status.ok()) return status;
  }
  return done();
}

Status Reader::replay_record(const Segment& segment, const Record& record) {
  const std::uint64_t sequence = segment.header.sequence;
  switch (record.type) {
    case RecordType::persist:
      return replay_persist(segment, record);
    case RecordType::snapshot:
      if (const auto ref = decode_snapshot_ref(record.body); ref && out_.outline.compact(*ref)) return done();
      return refuse(sequence, record.at, "a snapshot that does not fit the log");
    case RecordType::tokens:
      if (const auto upto = decode_tokens(record.body)) {
        out_.outline.reserve(*upto);
        return done();
      }
      return refuse(sequence, record.at, "unreadable reservation of tokens");
    case RecordType::seal:
      return refuse(sequence, record.at,
                    fmt::format("the log goes on in {}, which is missing", segment_name(sequence + 1)));
  }
  return refuse(sequence, record.at, "a kind of record that this version does not know");
}

Status Reader::replay_persist(const Segment& segment, const Record& record) {
  const std::uint64_t sequence = segment.header.sequence;
  std::optional<PersistBody> persist = decode_persist(record.body, segment.header.version);
  if (!persist) return refuse(sequence, record.at, "an entry record that this version cannot read");
  std::vector<raft::Entry>& entries = out_.raft.entries;
  if (persist->snapshot) {
    if (!out_.outline.install(*persist->snapshot))
      return refuse(sequence, record.at, "an older snapshot over a newer");
    entries.clear();
  }
  if (!persist->entries.empty()) {
    const LogIndex first = persist->entries.front().index;
    const LogIndex oldest = out_.outline.first();
    if (!out_.outline.append(first, persist->entries.size(), sequence)) {
      return refuse(sequence, record.at,
                    fmt::format("entry {} does not follow the entry before it", first.value));
    }
    const std::uint64_t kept = first > oldest ? first.value - oldest.value : 0;
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(kept), entries.end());
    std::move(persist->entries.begin(), persist->entries.end(), std::back_inserter(entries));
  }
  if (persist->hard_state) out_.outline.vote(*persist->hard_state);
  return done();
}

Status Reader::judge_end(const Segment& last) {
  const std::uint64_t end = last.offset(last.end);
  if (!COORD_RULE(refuse_damage_below_synced, end >= last.synced)) {
    return refuse(
        last.header.sequence, last.end,
        fmt::format("damaged, and records up to log offset {} (this is {}) were durable", last.synced, end));
  }
  if (!COORD_RULE(refuse_damage_without_zeros, last.tail == Found::Kind::unfinished)) {
    return refuse(last.header.sequence, last.end,
                  "damaged: a record that was written whole fails its checksum");
  }
  if (last.dirty_end > last.end) {
    out_.notes.push_back(fmt::format("{}: at byte {}: cut off an unfinished write of up to {} bytes",
                                     segment_name(last.header.sequence), last.end,
                                     last.dirty_end - last.end));
  }
  return done();
}

// Zeros over the cut-off end may themselves be torn, within its first word: then a header without its
// checksum stands there, all words marked, as if damaged. So its mark goes first, alone.
Status Reader::unmark(const Segment& last) {
  if (last.dirty_end <= last.end + word_content) return done();
  if (Status status = out_.file->write(last.end + word_content, Bytes(1)); !status.ok()) return status;
  return out_.file->sync();
}

Status Reader::repair(const Segment& last, const Bytes& content) {
  if (COORD_RULE_OR(cut_record_is_unmarked_first, true, false)) {
    if (Status status = unmark(last); !status.ok()) return unusable(options_, status.error());
  }
  const std::size_t proven = segment_header_size + static_cast<std::size_t>(last.synced - last.header.start);
  const std::size_t from = COORD_RULE_OR(recovered_end_is_rewritten, std::min(proven, last.end), last.end);
  Bytes rest(content.begin() + static_cast<std::ptrdiff_t>(from), content.end());
  if (COORD_RULE_OR(wipe_cut_tail, true, false)) {
    std::fill(rest.begin() + static_cast<std::ptrdiff_t>(last.end - from), rest.end(), std::uint8_t{0});
  }
  if (Status status = out_.file->write(from, rest); !status.ok()) return unusable(options_, status.error());
  if (Status status = out_.file->sync(); !status.ok()) return unusable(options_, status.error());
  if (last.records.empty() &&
      sealable_) {  // the crash may have come between the new segment and the old one's seal
    Result<std::unique_ptr<DiskFile>> old = disk_.open(segment_name(last.header.sequence - 1));
    if (!old.ok()) return unusable(options_, old.error());
    if (Status status = write_seal(**old, *sealable_, last.header); !status.ok())
      return unusable(options_, status.error());
  }
  out_.end = last.end;
  out_.chain = last.chain;
  return done();
}

Status Reader::load_snapshot(const std::vector<LogIndex>& present) {
  const SnapshotRef& ref = out_.outline.state().snapshot;
  const std::uint64_t first_sequence = headers_.front().sequence;
  if (out_.outline.has_gap()) {
    return refuse(
        first_sequence, 0,
        fmt::format("earlier segments are missing: the log begins with entry {}, the snapshot ends with {}",
                    out_.outline.first().value, ref.index.value));
  }
  if (out_.outline.state().next <= ref.index)
    return refuse(headers_.back().sequence, 0, "the log ends before its snapshot");
  if (ref.index.value == 0) return done();
  const std::string name = snapshot_name(ref.index);
  if (std::find(present.begin(), present.end(), ref.index) == present.end()) {
    return refusal(options_, name, "missing, and the log begins after it");
  }
  const Result<std::optional<Level>> version = snapshot_version(disk_, ref);
  if (!version.ok()) return unusable(options_, version.error());
  if (*version && **version > options_.level) return too_new(name, **version);
  Result<std::optional<raft::Snapshot>> snapshot = read_snapshot(disk_, identity_, ref);
  if (!snapshot.ok()) return unusable(options_, snapshot.error());
  if (!*snapshot) {
    return refusal(options_, name, "damaged: size, header or checksum are not those that the log names");
  }
  out_.raft.snapshot = std::move(*snapshot);
  const std::uint64_t covered =
      std::min<std::uint64_t>(ref.index.value + 1 - out_.outline.first().value, out_.raft.entries.size());
  out_.raft.entries.erase(out_.raft.entries.begin(),
                          out_.raft.entries.begin() + static_cast<std::ptrdiff_t>(covered));
  return done();
}

}  // namespace

Result<std::optional<Recovery>> recover(Disk& disk, const Options& options, const Identity& expected) {
  return Reader(disk, options, expected).run();
}

}  // namespace coord::store
