#include "server/tls_credentials.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "darkroom/v1/image_generation.grpc.pb.h"
#include "tests/support/certificates.h"
#include "tests/support/status_matchers.h"

namespace darkroom {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience(20);

// Answers at once, but for the prompt "hold": then when told to.
class EchoService final : public v1::ImageGenerationService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GenerateImages(grpc::CallbackServerContext* call,
                                           const v1::GenerateImagesRequest* request,
                                           v1::GenerateImagesResponse* /*response*/) override {
    grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
    if (request->prompt() == "hold") {
      held_ = reactor;
      holds_.Notify();
    } else {
      reactor->Finish(grpc::Status::OK);
    }
    return reactor;
  }

  void AwaitHeld() { holds_.WaitForNotification(); }
  void Release() { held_->Finish(grpc::Status::OK); }

 private:
  grpc::ServerUnaryReactor* held_ = nullptr;  // Written before `holds_` is notified.
  absl::Notification holds_;
};

// A client on a connection of its own.
class Client {
 public:
  Client(int port, const grpc::SslCredentialsOptions& options) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    stub_ = v1::ImageGenerationService::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("127.0.0.1:", port), grpc::SslCredentials(options), arguments));
  }

  // One call; its status, and in `server` the name in the server's certificate.
  grpc::Status Call(std::string* server = nullptr, const std::string& prompt = "") {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::GenerateImagesRequest request;
    request.set_prompt(prompt);
    v1::GenerateImagesResponse response;
    const grpc::Status status = stub_->GenerateImages(&context, request, &response);
    if (server != nullptr && status.ok()) {
      const auto names = context.auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
      *server = names.empty() ? "" : std::string(names[0].data(), names[0].size());
    }
    return status;
  }

 private:
  std::unique_ptr<v1::ImageGenerationService::Stub> stub_;
};

class TlsCredentialsTest : public testing::Test {
 protected:
  // Serves the pair on two ports; with `client_ca`, to those who have its certificates.
  void Serve(const IssuedCertificate& pair, const std::string& client_ca = "") {
    auto credentials =
        TlsCredentials::Create({"tls.crt", "tls.key", client_ca.empty() ? "" : "ca.crt"},
                               Contents(pair, client_ca), SteadyClock());
    ASSERT_OK(credentials);
    credentials_ = *std::move(credentials);
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    for (int& port : ports_) builder.AddListeningPort("127.0.0.1:0", credentials_, &port);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  static FileContents Contents(const IssuedCertificate& pair, const std::string& client_ca = "") {
    FileContents contents = {pair.certificate, pair.key};
    if (!client_ca.empty()) contents.push_back(client_ca);
    return contents;
  }

  Client Connect(size_t port = 0, const IssuedCertificate& own = {}) {
    return Client(ports_[port], {authority_.certificate(), own.key, own.certificate});
  }

  // The name in the certificate that a handshake shows.
  std::string ShownName(size_t port = 0) {
    std::string name;
    const grpc::Status status = Connect(port).Call(&name);
    return status.ok() ? name : status.error_message();
  }

  const CertificateAuthority authority_{"authority"};
  std::shared_ptr<TlsCredentials> credentials_;
  EchoService service_;
  int ports_[2] = {};
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(TlsCredentialsTest, ABadPairAtTheStartIsAnErrorNamingTheFile) {
  const IssuedCertificate one = authority_.Issue("one"), two = authority_.Issue("two");
  EXPECT_THAT(
      TlsCredentials::Create({"tls.crt", "tls.key", ""}, {one.certificate, two.key}, SteadyClock()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("tls.key")));
}

TEST_F(TlsCredentialsTest, ServesCallersWhoTrustItsAuthorityAndNoOthers) {
  Serve(authority_.Issue("server"));
  EXPECT_EQ(ShownName(), "server");
  const CertificateAuthority stranger("stranger");
  Client suspicious(ports_[0], {stranger.certificate(), "", ""});
  EXPECT_EQ(suspicious.Call().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsCredentialsTest, ServesACertificateWithoutAName) {
  Serve(authority_.Issue(""));
  EXPECT_TRUE(Connect().Call().ok());
}

TEST_F(TlsCredentialsTest, EveryPortShowsTheNextPairInHandshakesAfterTheReload) {
  Serve(authority_.Issue("first"));
  EXPECT_EQ(ShownName(0), "first");
  for (int i = 0; i < 5; ++i) {
    const std::string name = absl::StrCat("next ", i);
    ASSERT_OK(credentials_->Reload(Contents(authority_.Issue(name))));
    for (const size_t port : {0, 1, 1, 0}) EXPECT_EQ(ShownName(port), name);
  }
}

TEST_F(TlsCredentialsTest, OpenConnectionsAndCallsKeepOnThroughAReload) {
  Serve(authority_.Issue("first"));
  Client client = Connect();
  grpc::Status held;
  std::thread holding([&] { held = client.Call(nullptr, "hold"); });
  service_.AwaitHeld();
  ASSERT_OK(credentials_->Reload(Contents(authority_.Issue("second"))));
  EXPECT_EQ(ShownName(), "second");
  std::string name;
  EXPECT_TRUE(client.Call(&name).ok());
  EXPECT_EQ(name, "first");
  service_.Release();
  holding.join();
  EXPECT_TRUE(held.ok()) << held.error_message();
}

TEST_F(TlsCredentialsTest, ABadPairKeepsTheOneBeforeAndAGoodOneFollows) {
  const IssuedCertificate first = authority_.Issue("first"), second = authority_.Issue("second");
  Serve(first);
  const absl::Time expiry = credentials_->expiry();
  const IssuedCertificate expired = authority_.Issue("expired", absl::Now() - absl::Hours(1));
  // As in the middle of a pair's exchange, file by file.
  for (const FileContents& bad :
       {FileContents{second.certificate, first.key}, FileContents{first.certificate, second.key},
        FileContents{"garbage", "garbage"}, Contents(expired),
        FileContents{absl::NotFoundError("gone"), second.key}}) {
    EXPECT_THAT(credentials_->Reload(bad), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(ShownName(), "first");
    EXPECT_EQ(credentials_->expiry(), expiry);
  }
  ASSERT_OK(credentials_->Reload(Contents(second)));
  EXPECT_EQ(ShownName(), "second");
}

TEST_F(TlsCredentialsTest, ExpiryIsThatOfTheCertificateShown) {
  const absl::Time soon = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 1000);
  Serve(authority_.Issue("server", soon));
  EXPECT_EQ(credentials_->expiry(), soon);
  ASSERT_OK(credentials_->Reload(Contents(authority_.Issue("server", soon + absl::Seconds(1000)))));
  EXPECT_EQ(credentials_->expiry(), soon + absl::Seconds(1000));
}

TEST_F(TlsCredentialsTest, WithoutAClientCaNobodyIsAskedForACertificate) {
  Serve(authority_.Issue("server"));
  const CertificateAuthority stranger("stranger");
  EXPECT_TRUE(Connect(0, stranger.Issue("caller")).Call().ok());
}

TEST_F(TlsCredentialsTest, WithAClientCaOnlyItsCallersPassTheHandshake) {
  const CertificateAuthority callers("callers"), stranger("stranger");
  Serve(authority_.Issue("server"), callers.certificate());
  const IssuedCertificate own = callers.Issue("caller");
  EXPECT_TRUE(Connect(0, own).Call().ok());
  for (const IssuedCertificate& bad :
       {IssuedCertificate{}, stranger.Issue("caller"), authority_.Issue("caller"),
        callers.Issue("caller", absl::Now() - absl::Hours(1))}) {
    EXPECT_EQ(Connect(0, bad).Call().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  EXPECT_TRUE(Connect(1, own).Call().ok());
}

TEST_F(TlsCredentialsTest, AnExchangedClientCaDecidesOnHandshakesFromThenOn) {
  const CertificateAuthority before("before"), after("after");
  const IssuedCertificate server = authority_.Issue("server");
  Serve(server, before.certificate());
  Client early = Connect(0, before.Issue("caller"));
  EXPECT_TRUE(early.Call().ok());
  ASSERT_OK(credentials_->Reload(Contents(server, after.certificate())));
  EXPECT_TRUE(early.Call().ok());
  EXPECT_TRUE(Connect(0, after.Issue("caller")).Call().ok());
  EXPECT_EQ(Connect(0, before.Issue("caller")).Call().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsCredentialsTest, ManyHandshakesAndReloadsAtOnceLoseNoCall) {
  const std::vector<IssuedCertificate> pairs = {authority_.Issue("a"), authority_.Issue("b")};
  Serve(pairs[0]);
  std::atomic<bool> done = false;
  std::atomic<int> calls = 0;
  std::vector<std::thread> callers;
  for (size_t port = 0; port < 2; ++port) {
    callers.emplace_back([&, port] {
      while (!done) {
        std::string name;
        const grpc::Status status = Connect(port).Call(&name);
        EXPECT_TRUE(status.ok()) << status.error_message();
        EXPECT_TRUE(name == "a" || name == "b") << name;
        ++calls;
      }
    });
  }
  for (size_t i = 0; calls < 200; ++i) EXPECT_OK(credentials_->Reload(Contents(pairs[i % 2])));
  done = true;
  for (std::thread& caller : callers) caller.join();
}

}  // namespace
}  // namespace darkroom
