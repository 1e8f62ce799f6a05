// SPDX-License-Identifier: MIT
#include "group.hpp"

#include <algorithm>
#include <memory>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/output_file.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"
#include "show_peers.hpp"
#include "snapshot/record_text.hpp"
#include "stored.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/group_snapshot.hpp"

namespace coord::dsnapshot {
namespace {

struct GroupSettings {
  const Common& common;
  bool json = false, messages = false;
  Duration patience = std::chrono::seconds(2);
  std::string output;
};

constexpr std::uint64_t group_request = 1;
// The peer ends the snapshot itself; it may be slow to say so.
constexpr Duration slack = std::chrono::seconds(5);

Error no_answer(const std::string& what) {
  return Error{ErrorKind::unavailable, "this host's peer", what, "see dpeers doctor"};
}

// Lines come first, the end tells the rest.
class Gathering {
 public:
  // True: it is whole.
  Result<bool> take(const local::FromPart& said) {
    const auto answer =
        wire::decode<local::GroupSnapshotAnswer>(said.bytes, {.version = local::part_version});
    if (!answer) return no_answer(fmt::format("its answer cannot be read: {}", answer.error().what));
    if (const auto* refused = std::get_if<local::SnapshotRefused>(&*answer)) {
      if (refused->usage) return Error{ErrorKind::usage, "--messages", refused->why, "leave it out"};
      // It says itself what to do.
      return Error{ErrorKind::unavailable, "this host's peer", refused->why, ""};
    }
    if (const auto* line = std::get_if<local::SnapshotLine>(&*answer)) {
      lines_.append(line->line.begin(), line->line.end());
      if (lines_.size() > record::most_record_bytes) return no_answer("the snapshot is too large");
      return false;
    }
    return finish(std::get<local::SnapshotTaken>(*answer));
  }
  const record::Snapshot& snapshot() const { return snapshot_; }

 private:
  Result<bool> finish(const local::SnapshotTaken& taken) {
    record::Snapshot head;
    head.id = taken.id;
    head.at = taken.at;
    for (const std::string& name : taken.members) head.members.push_back({name, 0, name});
    for (const auto& [who, word] : taken.missing) {
      const auto why = record::why_of(word);
      head.missing.push_back({who, why.value_or(record::Why::no_answer)});
    }
    // As a file, so that what the peers say is read with all its bounds.
    const std::size_t count = static_cast<std::size_t>(std::ranges::count(lines_, '\n'));
    const auto first = record::head_line(head, count);
    auto snapshot = record::from_text(first + lines_, "the answer of this host's peer");
    if (!snapshot) return snapshot.error();
    snapshot_ = std::move(*snapshot);
    return true;
  }

  std::string lines_;
  record::Snapshot snapshot_;
};

Result<record::Snapshot> taken(const GroupSettings& s) {
  auto peer = cli::connect_to_peer(cli::in_time(s.common.peer, s.patience), "dsnapshot");
  if (!peer) return peer.error();
  if (peer->speaks() < 2) return no_answer("is of a release that takes no snapshots");
  const local::TakeGroupSnapshot wish{s.patience, s.messages};
  const auto channel = static_cast<std::uint16_t>(wire::Channel::group_snapshot);
  if (Status sent =
          peer->send(local::ToPart{group_request, channel, wire::encode(wish, local::part_version)});
      !sent)
    return sent.error();
  const Instant until = process::boot_now() + s.patience + slack;
  Gathering gathering;
  for (;;) {
    auto answer = peer->wait(until);
    if (!answer) return answer.error();
    if (!*answer) return no_answer("does not answer");
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      if (refused->kind != local::RefusedKind::mismatch) return no_answer(refused->why);
      return cli::refused_by_peer("this host's peer", *refused);
    }
    const auto* said = std::get_if<local::FromPart>(&**answer);
    if (said == nullptr || said->request != group_request) continue;
    const auto whole = gathering.take(*said);
    if (!whole) return whole.error();
    if (*whole) return gathering.snapshot();
  }
}

Result<cli::Exit> snapshot_of_group(const GroupSettings& s) {
  const auto snapshot = taken(s);
  if (!snapshot) return snapshot.error();
  const auto text = to_text(*snapshot);
  if (!text) return text.error();
  if (!s.output.empty() && s.output != "-") {
    const auto file = cli::open_output_file(s.output, cli::shown(s.output));
    if (!file) return file.error();
    if (Status written = cli::write_output_file(*file, *text, cli::shown(s.output)); !written)
      return written.error();
  } else if (s.json || !s.output.empty()) {
    cli::print(*text);
  } else {
    show_peers(*snapshot, s.messages);
    return snapshot->complete() ? cli::Exit::done : cli::Exit::no;
  }
  return tell_incomplete(*snapshot);
}

}  // namespace

void add_group(cli::Options& tool, const Common& common) {
  auto s = std::make_shared<GroupSettings>(GroupSettings{common, false, false, std::chrono::seconds(2), {}});
  tool.flag("--json", s->json, "JSON lines").without_verb();
  tool.flag("--messages", s->messages, "each message on its way, not only how many (root only)")
      .without_verb();
  tool.value("-w,--wait", "SECONDS", s->patience, "for peers that do not answer (2)")
      .between(std::chrono::milliseconds(1), std::chrono::minutes(10))
      .without_verb();
  tool.value("-o,--output", "FILE", s->output, "write the snapshot to FILE")
      .completes(cli::Completion::file)
      .without_verb();
  tool.does([s] { return snapshot_of_group(*s); });
}

}  // namespace coord::dsnapshot
