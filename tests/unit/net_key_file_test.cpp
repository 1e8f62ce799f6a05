// SPDX-License-Identifier: MIT
// Key files: which are taken, and what is said of the others.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "net/key_file.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::net;

namespace {

const std::string key_of_ones = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

class Directory {
 public:
  std::string file(const std::string& content, mode_t mode = 0600) {
    const std::string path = directory_.path() + "/keys" + std::to_string(++count_);
    std::ofstream(path) << content;
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    return path;
  }
  const std::string& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
  int count_ = 0;
};

std::string refusal(const std::string& path) {
  const auto keys = read_key_file(path);
  REQUIRE_FALSE(keys.ok());
  CHECK(keys.error().kind == ErrorKind::unavailable);
  std::string text = keys.error().text();
  CHECK(text.starts_with(path));
  CHECK(text.find("AQEB") == std::string::npos);
  return text.substr(path.size());
}

}  // namespace

TEST_CASE("a key file: comments, several keys, the first sends") {
  Directory directory;
  const auto keys =
      read_key_file(directory.file("# the group's keys\n\n new-1:" + key_of_ones +
                                   "\r\nold.2:" + "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"));
  REQUIRE(keys.ok());
  CHECK(keys->keys().size() == 2);
  CHECK(keys->sending().id == "new-1");
  CHECK(keys->sending().key.data()[31] == 1);
  REQUIRE(keys->find("old.2") != nullptr);
  CHECK(keys->find("old.2")->key.data()[0] == 2);
  CHECK(keys->find("old") == nullptr);
}

TEST_CASE("a made key line is a key file, and no two are alike") {
  Directory directory;
  const std::string line = new_key_line();
  const auto keys = read_key_file(directory.file(line + "\n"));
  REQUIRE(keys.ok());
  CHECK(line.starts_with(keys->sending().id + ":"));
  CHECK(new_key_line() != line);
}

TEST_CASE("a key file that is not ours alone is refused") {
  Directory directory;
  const std::string line = "k1:" + key_of_ones + "\n";
  for (const mode_t mode : {0640, 0604, 0620, 0601})
    CHECK(refusal(directory.file(line, mode)).starts_with(": others may read or write it: chmod 600 "));
  // What is no key file must not be closed to those who read it.
  CHECK(refusal(directory.file("root:x:0:0:root:/root:/bin/bash\n", 0644)) ==
        ": it is no key file: name the file that coordd --keygen made");
  const std::string good = directory.file(line);
  const std::string link = directory.path() + "/link";
  REQUIRE(::symlink(good.c_str(), link.c_str()) == 0);
  CHECK(refusal(link) == ": it is a symbolic link: name the key file itself");
  const std::string fifo = directory.path() + "/fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(refusal(fifo) == ": it is not a regular file: name the key file itself");
  CHECK(refusal(directory.path()) == ": it is not a regular file: name the key file itself");
  CHECK(refusal(directory.path() + "/none") ==
        ": no such file: make one with coordd --keygen and copy it to every host");
  if (::geteuid() == 0) {
    REQUIRE(::chown(good.c_str(), 12345, 12345) == 0);
    CHECK(refusal(good) == ": it belongs to another user: give it to the user that runs coordd, or to root");
  }
}

TEST_CASE("a key file with wrong content is refused, with the line and without the key") {
  Directory directory;
  const std::string make_one = ": coordd --keygen makes a right one";
  CHECK(refusal(directory.file("")) == ": no key in it: make one with coordd --keygen");
  CHECK(refusal(directory.file("# only words\n")) == ": no key in it: make one with coordd --keygen");
  CHECK(refusal(directory.file("\nhello\n")) == ":2: not a line id:base64" + make_one);
  CHECK(refusal(directory.file("k1:AQEB\n")) == ":1: the key is not 32 bytes in base64" + make_one);
  CHECK(refusal(directory.file("k1:" + key_of_ones + "AQEB\n")) ==
        ":1: the key is not 32 bytes in base64" + make_one);
  CHECK(refusal(directory.file("k1:!" + key_of_ones + "\n")) ==
        ":1: the key is not 32 bytes in base64" + make_one);
  CHECK(refusal(directory.file("k1:" + std::string(43, 'A') + "=\n")) ==
        ":1: the key is all zeros" + make_one);
  CHECK(refusal(directory.file("a b:" + key_of_ones)).starts_with(":1: a key's id is 1 to 32 letters"));
  CHECK(refusal(directory.file(":" + key_of_ones)).starts_with(":1: a key's id is 1 to 32 letters"));
  CHECK(refusal(directory.file("k:" + key_of_ones + "\nk:" + key_of_ones)) ==
        ":2: this key id is there twice: rename one on every host");
  std::string many;
  for (int i = 0; i < 17; ++i) many += "k" + std::to_string(i) + ":" + key_of_ones + "\n";
  CHECK(refusal(directory.file(many)) == ":17: more than 16 keys: drop the old ones");
  CHECK(refusal(directory.file(std::string(70000, '#'))) ==
        ": it is too large for a key file: name the file that coordd --keygen made");
}
