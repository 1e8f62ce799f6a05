// SPDX-License-Identifier: MIT
// Work on the storage, for one request of a tool: what is to be done, and then what came of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "node/part.hpp"
#include "ring/requests.hpp"
#include "ring/storage.hpp"

namespace coord::ring {

struct Work final : node::Work {
  replica::ConnectionId connection;  // who asked
  std::uint64_t request = 0;
  Request what;  // a Put: with its whole value in `value`
  Bytes value;
  WallTime time;
  std::string user;              // whose keys are shown besides everybody's; empty: nobody's
  bool all_users = false;        // root
  bool keeps_tombstone = false;  // somebody watches
  // What came of it.
  Answer answer = Absent{};
  bool changed = false;
};

// Whether a key is hidden from this user: it begins with the name of another, as in @USER/.
bool is_foreign(const std::string& key, const std::string& user, bool all_users);

// Does what stands in a batch in one transaction: durable at once, or not at all. Threading: the storage's.
class StorageWorker final : public node::Worker {
 public:
  // `open`: called before the first work, and again after it has failed.
  using Open = std::function<Result<std::unique_ptr<Storage>>()>;
  StorageWorker(NodeId self, Open open) : self_(self), open_(std::move(open)) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  Status ready();
  Status do_all(std::vector<std::shared_ptr<node::Work>>& batch);
  Result<Answer> do_one(Work& work);
  Result<Answer> on(Work& work, const Put& put);
  Result<Answer> on(Work& work, const Remove& remove);
  Result<Answer> on(Work& work, const Get& get);
  Result<Answer> on(Work& work, const List& list);
  Result<Answer> on(Work& work, const Watch& watch);
  Result<Answer> on(Work& work, const AskStatus& ask);
  Status change(Work& work, const std::string& ring, const std::string& key, const Version& version,
                const std::optional<std::vector<Dot>>& replaces, Entry& entry);
  Result<Dot> next_dot();

  NodeId self_;
  Open open_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace coord::ring
