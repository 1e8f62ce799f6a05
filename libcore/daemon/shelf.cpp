// SPDX-License-Identifier: MIT
#include "daemon/shelf.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "snapshot/record.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"

namespace coord::daemon {
namespace {

constexpr std::size_t most_waiting = 64;                              // of all tools
constexpr std::size_t most_piece_bytes = 4 * local::most_kept_bytes;  // of all snapshots on their way

}  // namespace

Shelf::Shelf(boost::asio::io_context& io, std::string directory, Tell tell, net::Log log)
    : io_(io), files_(std::move(directory)), tell_(std::move(tell)), log_(std::move(log)), thread_([this] {
        run();
      }) {}

Shelf::~Shelf() {
  *alive_ = false;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Shelf::said(replica::ConnectionId connection, std::uint32_t uid, const local::ToPart& request) {
  auto asked = wire::decode<local::KeptRequest>(request.bytes, {.version = local::kept_version});
  if (!asked) return answer(connection, request.request, local::KeptRefused{"the request cannot be read"});
  if (auto* piece = std::get_if<local::KeepPiece>(&*asked))
    return take(connection, uid, request.request, std::move(*piece));
  if (const auto* list = std::get_if<local::ListKept>(&*asked))
    return submit(connection, request.request, [uid, group = list->group](ShelfFiles& files) -> Done {
      return {{local::KeptList{files.list(uid, group)}}};
    });
  submit(connection, request.request,
         [uid, id = std::get<local::FetchKept>(*asked).id](ShelfFiles& files) -> Done {
           const auto text = files.fetch(uid, id);
           if (!text) return {{local::KeptNone{}}};
           Answers pieces;
           for (std::size_t at = 0; pieces.empty() || at < text->size(); at += local::kept_piece_bytes) {
             const std::string_view piece = std::string_view(*text).substr(at, local::kept_piece_bytes);
             pieces.emplace_back(local::KeptPiece{Bytes(piece.begin(), piece.end()),
                                                  at + local::kept_piece_bytes >= text->size()});
           }
           return {std::move(pieces)};
         });
}

void Shelf::take(replica::ConnectionId connection, std::uint32_t uid, std::uint64_t request,
                 local::KeepPiece&& piece) {
  std::string& text = pieces_[connection];
  if (text.size() + piece.bytes.size() > local::most_kept_bytes ||
      piece_bytes_ + piece.bytes.size() > most_piece_bytes) {
    const bool too_large = text.size() + piece.bytes.size() > local::most_kept_bytes;
    gone(connection);
    return answer(connection, request,
                  local::KeptRefused{too_large ? "the snapshot is larger than a peer keeps: give -o FILE"
                                               : "too many are being kept"});
  }
  text.append(piece.bytes.begin(), piece.bytes.end());
  piece_bytes_ += piece.bytes.size();
  if (!piece.last) return;
  std::string whole = std::move(text);
  piece_bytes_ -= whole.size();
  pieces_.erase(connection);
  const std::uint32_t whose = uid == 0 ? piece.owner : uid;
  submit(connection, request, [whose, whole = std::move(whole)](ShelfFiles& files) -> Done {
    auto written = files.write(whose, whole);
    if (!written) return {{local::KeptRefused{written.error().text()}}};
    return {{local::KeptDone{}}, std::move(*written)};
  });
}

void Shelf::gone(replica::ConnectionId connection) {
  const auto found = pieces_.find(connection);
  if (found == pieces_.end()) return;
  piece_bytes_ -= found->second.size();
  pieces_.erase(found);
}

void Shelf::submit(replica::ConnectionId connection, std::uint64_t request, Work work) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < most_waiting) {
      queue_.push_back({connection, request, std::move(work)});
      work = nullptr;
    }
  }
  if (work) return answer(connection, request, local::KeptRefused{"too many requests wait for the disk"});
  wake_.notify_one();
}

void Shelf::answer(replica::ConnectionId connection, std::uint64_t request, const local::KeptAnswer& answer) {
  tell_(connection, local::FromPart{request, static_cast<std::uint16_t>(wire::Channel::kept_snapshots),
                                    wire::encode(answer, local::kept_version)});
}

void Shelf::warn(std::string why) {
  boost::asio::post(io_, [log = log_, why = std::move(why)] { log(net::LogLevel::warning, why); });
}

void Shelf::run() {
  if (const Status opened = files_.open(); !opened) warn(opened.error().text());
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    Done done = job.work(files_);
    boost::asio::post(io_, [this, alive = alive_, connection = job.connection, request = job.request,
                            answers = std::move(done.answers)] {
      if (!*alive) return;
      for (const local::KeptAnswer& said : answers) answer(connection, request, said);
    });
    if (!done.to_place) continue;
    if (const Status placed = files_.place(*done.to_place); !placed) warn(placed.error().text());
  }
}

}  // namespace coord::daemon
