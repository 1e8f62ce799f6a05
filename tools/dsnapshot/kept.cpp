// SPDX-License-Identifier: MIT
#include "kept.hpp"

#include <pwd.h>
#include <unistd.h>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"

namespace coord::dsnapshot {
namespace {

constexpr std::uint64_t kept_request = 1'000'000;  // none of who had the connection before
constexpr auto kept_channel = static_cast<std::uint16_t>(wire::Channel::kept_snapshots);
// Of what is handed over: far below what a peer takes as one request.
constexpr std::size_t piece_bytes = std::size_t{256} << 10U;
static_assert(piece_bytes <= local::kept_piece_bytes);
// Of the peer's disk.
constexpr Duration kept_patience = std::chrono::seconds(30);

Error failed(const std::string& what) {
  return Error{ErrorKind::unavailable, "this host's peer", what, "see dpeers doctor"};
}

// One connection, and what is said on it.
class Line {
 public:
  explicit Line(engine::LocalConnection peer) : peer_(std::move(peer)) {}
  static Result<Line> open(const Common& common) {
    auto peer = cli::connect_to_peer(common.peer, "dsnapshot");
    if (!peer) return peer.error();
    if (peer->speaks() < 2) return failed("is of a release that keeps no snapshots");
    return Line(std::move(*peer));
  }
  Status say(const local::KeptRequest& what) {
    return peer_.send(local::ToPart{kept_request, kept_channel, wire::encode(what, local::kept_version)});
  }
  Result<local::KeptAnswer> hear() {
    const Instant until = process::boot_now() + kept_patience;
    for (;;) {
      auto answer = peer_.wait(until);
      if (!answer) return answer.error();
      if (!*answer) return failed("does not answer");
      if (const auto* refused = std::get_if<local::Refused>(&**answer)) return failed(refused->why);
      const auto* said = std::get_if<local::FromPart>(&**answer);
      if (said == nullptr || said->channel != kept_channel) continue;  // of who had the connection before
      auto kept = wire::decode<local::KeptAnswer>(said->bytes, {.version = local::kept_version});
      if (!kept) return failed(fmt::format("its answer cannot be read: {}", kept.error().what));
      if (const auto* refused = std::get_if<local::KeptRefused>(&*kept)) return failed(refused->why);
      return std::move(*kept);
    }
  }

 private:
  engine::LocalConnection peer_;
};

}  // namespace

Status keep(const Common& common, std::string_view text, const std::string& owner,
            std::optional<engine::LocalConnection> peer) {
  const passwd* const user = owner.empty() || ::geteuid() != 0 ? nullptr : ::getpwnam(owner.c_str());
  const std::uint32_t uid = user == nullptr ? 0 : user->pw_uid;
  auto line = peer ? Result<Line>(Line(std::move(*peer))) : Line::open(common);
  if (!line) return line.error();
  do {
    const std::string_view piece = text.substr(0, piece_bytes);
    text.remove_prefix(piece.size());
    if (Status said = line->say(local::KeepPiece{Bytes(piece.begin(), piece.end()), text.empty(), uid});
        !said)
      return said;
  } while (!text.empty());
  const auto answer = line->hear();
  return answer ? done() : Status(answer.error());
}

Result<std::vector<local::KeptEntry>> list_kept(const Common& common, const std::string& group) {
  auto line = Line::open(common);
  if (!line) return line.error();
  if (Status said = line->say(local::ListKept{group}); !said) return said.error();
  auto answer = line->hear();
  if (!answer) return answer.error();
  auto* list = std::get_if<local::KeptList>(&*answer);
  if (list == nullptr) return failed("its answer is of another kind");
  return std::move(list->entries);
}

Result<std::optional<std::string>> fetch_kept(const Common& common, const std::string& id) {
  auto line = Line::open(common);
  if (!line) return line.error();
  if (Status said = line->say(local::FetchKept{id}); !said) return said.error();
  std::string text;
  for (;;) {
    const auto answer = line->hear();
    if (!answer) return answer.error();
    const auto* piece = std::get_if<local::KeptPiece>(&*answer);
    if (piece == nullptr) return std::optional<std::string>();
    text.append(piece->bytes.begin(), piece->bytes.end());
    if (text.size() > local::most_kept_bytes) return failed("its snapshot is too large");
    if (piece->last) return std::optional<std::string>(std::move(text));
  }
}

}  // namespace coord::dsnapshot
