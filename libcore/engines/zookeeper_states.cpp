// SPDX-License-Identifier: MIT
// States: kept piece by piece, then found by their pointer; and what is older removed, node by node.
#include <algorithm>
#include <array>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "engines/zookeeper.hpp"

namespace coord::engines {

namespace {

using zookeeper::Multi;
using zookeeper::Operation;

constexpr std::size_t bytes_in_a_piece = 256 * 1024;  // a request of more than 1 MiB is refused
constexpr std::size_t removed_at_once = 128;

}  // namespace

void ZooKeeper::make(Instant now, const engine::Make& make) {
  for (std::size_t slash = root_.find('/', 1);; slash = root_.find('/', slash + 1)) {
    call(now, Kind::keep, Operation::create, zookeeper::create(root_.substr(0, slash), {}, rights()));
    if (slash == std::string::npos) break;
  }
  log_ = marks::name_of(access_.writer);
  const std::string writer = marks::name_of(access_.writer) + ".0";
  const std::string pieces = of_epoch("piece", 1) + "/" + writer;
  const std::string pointer = marks::text_of({writer, 1, 0});
  Multi change;
  const auto node = [&](const std::string& path, ByteView data) {
    change.add(Operation::create, zookeeper::create(path, data, rights()));
  };
  node(at("log"), bytes_of(log_));
  node(root_ + "/" + log_, {});
  for (const char* what : {"epoch", "key", "state", "piece"}) node(in_log(what), {});
  for (const char* what : {"epoch", "key", "piece"}) node(of_epoch(what, 1), {});
  node(pieces, {});
  node(pieces + "/0000", make.state);
  node(of_epoch("state", 1), bytes_of(pointer));
  call(now, Kind::change, Operation::multi, change.out());
}

// Nobody can find a part of a state. Each attempt has a folder of its own.
void ZooKeeper::keep(Instant now) {
  if (!keeping_) return;
  const Bytes& state = keeping_->what.state;
  const std::uint64_t epoch = keeping_->what.epoch;
  const auto create = [&](Kind kind, const std::string& path, ByteView data) {
    call(now, kind, Operation::create, zookeeper::create(path, data, rights()), 1);
  };
  const std::string pieces_of = of_epoch("piece", epoch);
  if (keeping_->folder.empty()) {
    keeping_->folder = marks::folder_of(access_.writer, access_.connection, ++keeps_);
    call(now, Kind::keep, Operation::create, zookeeper::create(pieces_of, {}, rights()));
    return create(Kind::keep, fmt::format("{}/{}", pieces_of, keeping_->folder), {});
  }
  const std::size_t pieces =
      std::max<std::size_t>((state.size() + bytes_in_a_piece - 1) / bytes_in_a_piece, 1);
  if (COORD_RULE_OR(zookeeper_pointer_follows_its_pieces, keeping_->next < pieces, false)) {
    const std::size_t from = keeping_->next * bytes_in_a_piece;
    const ByteView piece = ByteView(state).subspan(from, std::min(bytes_in_a_piece, state.size() - from));
    return create(Kind::keep, fmt::format("{}/{}/{:04x}", pieces_of, keeping_->folder, keeping_->next++),
                  piece);
  }
  const std::string pointer = marks::text_of({keeping_->folder, pieces, keeping_->what.position});
  create(Kind::kept, of_epoch("state", epoch), bytes_of(pointer));
}

// Calls of Kind::keep that count are marked; the others made a folder that may be there.
void ZooKeeper::write_answered(Instant now, const Call& call, std::int32_t error, JuteReader& reader) {
  if (call.kind == Kind::list) return take_list(now, error == 0, reader);
  if (call.kind == Kind::remove) return take_removed(now, error == 0);
  if (call.kind == Kind::keep) {
    if (call.of == 0 || !keeping_) return;
    if (error == 0) return keep(now);
    return keeping_.reset();
  }
  if (!keeping_) return;
  const Keeping done = std::move(*keeping_);
  keeping_.reset();
  if (error == 0) return trim(now, done.what.epoch);
  to_remove_.push_back(fmt::format("{}/{}", of_epoch("piece", done.what.epoch), done.folder));
  if (to_remove_.size() == 1) remove_next(now);
}

// ---- what is older

void ZooKeeper::trim(Instant now, std::uint64_t below) {
  trim_below_ = below;
  const bool is_at_it = !to_remove_.empty();
  for (const char* what : {"piece", "key", "epoch", "state"}) to_remove_.push_back(in_log(what));
  if (!is_at_it) remove_next(now);
}

// The last one is listed: the folders of a log only lose what is older.
void ZooKeeper::remove_next(Instant now) {
  if (to_remove_.empty()) return;
  if (leaves_.empty())
    return call(now, Kind::list, Operation::children, zookeeper::read(to_remove_.back(), false));
  removing_ = std::min(removed_at_once, leaves_.size());
  Multi some;
  for (std::size_t i = leaves_.size() - removing_; i < leaves_.size(); ++i)
    some.add(Operation::remove, zookeeper::remove(fmt::format("{}/{}", to_remove_.back(), leaves_[i])));
  call(now, Kind::remove, Operation::multi, some.out());
}

void ZooKeeper::take_list(Instant now, bool found, JuteReader& reader) {
  if (to_remove_.empty()) return;
  std::vector<std::string> names;
  for (std::size_t left = found ? reader.count() : 0; left > 0 && !reader.failed(); --left)
    names.push_back(reader.text());
  const std::string folder = to_remove_.back();
  const bool is_of_log = std::ranges::any_of(std::to_array({"piece", "key", "epoch", "state"}),
                                             [&](const char* what) { return folder == in_log(what); });
  if (!is_of_log) {
    leaves_ = std::move(names);
    if (!leaves_.empty()) return remove_next(now);
    to_remove_.pop_back();
    call(now, Kind::single, Operation::remove, zookeeper::remove(folder));
    return remove_next(now);
  }
  to_remove_.pop_back();
  for (const std::string& name : names) {
    const auto epoch = marks::numbered(name);
    if (!epoch || *epoch >= trim_below_) continue;
    const std::string path = fmt::format("{}/{}", folder, name);
    // Marked twice: above what a seal leaves.
    for (int i = 0; i < 2 && folder == in_log("epoch"); ++i)
      call(now, Kind::single, Operation::put, zookeeper::put(path, bytes_of("removed"), -1));
    to_remove_.push_back(path);
  }
  remove_next(now);
}

// Not all of them were leaves, or another one removes them, too.
void ZooKeeper::take_removed(Instant now, bool done) {
  if (to_remove_.empty()) return;
  const std::string folder = to_remove_.back();
  const std::size_t left = leaves_.size() - std::min(removing_, leaves_.size());
  const std::vector<std::string> tried(leaves_.begin() + static_cast<std::ptrdiff_t>(left), leaves_.end());
  leaves_.resize(left);
  if (!done) {
    leaves_.clear();
    for (const std::string& name : tried) to_remove_.push_back(fmt::format("{}/{}", folder, name));
  }
  remove_next(now);
}

}  // namespace coord::engines
