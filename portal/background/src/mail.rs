//! Mails leave from the outbox, each at least once: to a server, or into a folder for a demonstration.

use std::{path::PathBuf, sync::Arc, time::Duration};

use accounts::{
    Database, now,
    store::{self, Mail},
};
use futures::{StreamExt, TryStreamExt, stream};
use letters::Places;
use lettre::{
    Address, AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Attachment, Body, Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{self, response::Category},
};
use tokio::{sync::Notify, time::timeout};
use url::Url;

/// How long the outbox is left alone where no request says that there is something in it.
const IDLE: Duration = Duration::from_secs(5);
/// Seconds until the next try after the first failure; twice as many after each further one, up to an hour.
const FIRST_PAUSE: i64 = 10;
const LONGEST_PAUSE: i64 = 60 * 60;
/// Mails that are on the way at a time: a server that is slow at one holds up few.
const AT_ONCE: usize = 8;
/// For one of them.
const SEND: Duration = Duration::from_secs(60);

/// By which the HTML of a mail names the QR code that comes with it.
const PICTURE: &str = "qr";

/// Why mails cannot be sent so.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("the sender {0:?} is no e-mail address")]
    Sender(String),
    #[error("the mail server's address: {0}")]
    Server(String),
    #[error("mails cross a network encrypted or not at all: smtps://… or smtp://…?tls=required")]
    NoTls,
    #[error("the folder of mails: {0}")]
    Folder(std::io::Error),
}

/// Why a mail was not sent.
enum Failure {
    /// It never can be.
    Final(String),
    /// It is tried again.
    ForNow(String),
}

enum Way {
    Folder(AsyncFileTransport<Tokio1Executor>),
    Server(Box<AsyncSmtpTransport<Tokio1Executor>>),
}

/// How mails leave.
pub struct Post {
    sender: Mailbox,
    way: Way,
}

impl Post {
    /// `to` is the URL of a mail server, or a folder into which mails are written.
    pub fn new(sender: &str, to: &str) -> Result<Self, PostError> {
        let address: Address = sender.parse().map_err(|_| PostError::Sender(sender.to_owned()))?;
        let way = match Url::parse(to) {
            Ok(url) if matches!(url.scheme(), "smtp" | "smtps") => server(&url)?,
            _ => folder(PathBuf::from(to))?,
        };
        Ok(Self { sender: Mailbox::new(Some("NanoTrace portal".to_owned()), address), way })
    }

    async fn send(&self, mail: &Mail, places: &Places) -> Result<(), Failure> {
        let message = self.message(mail, places).map_err(Failure::Final)?;
        match &self.way {
            Way::Folder(folder) => {
                let sent = folder.send(message).await.map(drop);
                sent.map_err(|error| Failure::ForNow(error.to_string()))
            }
            Way::Server(server) => {
                let sent = timeout(SEND, server.send(message)).await;
                let sent =
                    sent.map_err(|_| Failure::ForNow("the mail server did not take it in time".to_owned()))?;
                sent.map(drop).map_err(failure)
            }
        }
    }
}

impl Post {
    /// Plain text, and the same as HTML. The message's id stays with the mail: where one goes out twice, as a process is killed
    /// between sending and noting it, the receiver's program sees that it is the same.
    fn message(&self, mail: &Mail, places: &Places) -> Result<Message, String> {
        let to: Address = mail.recipient.parse().map_err(|_| "no address".to_owned())?;
        let letter = &mail.letter;
        let picture = letter.public_page(places).and_then(|page| qr::Qr::new(&page).ok()?.png().ok());
        let html = letter.html(places, picture.as_ref().map(|_| PICTURE)).map_err(|it| it.to_string())?;
        let text = MultiPart::alternative().singlepart(SinglePart::plain(letter.text(places)));
        let content = match picture {
            None => text.singlepart(SinglePart::html(html)),
            Some(png) => {
                let kind = ContentType::parse("image/png").map_err(|error| error.to_string())?;
                let inline = Attachment::new_inline(PICTURE.to_owned()).body(Body::new(png), kind);
                text.multipart(MultiPart::related().singlepart(SinglePart::html(html)).singlepart(inline))
            }
        };
        let message = Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject())
            .message_id(Some(format!("<{}@{}>", mail.id, self.sender.email.domain())))
            .multipart(content);
        message.map_err(|error| error.to_string())
    }
}

fn folder(path: PathBuf) -> Result<Way, PostError> {
    std::fs::create_dir_all(&path).map_err(PostError::Folder)?;
    Ok(Way::Folder(AsyncFileTransport::new(path)))
}

fn server(url: &Url) -> Result<Way, PostError> {
    let is_encrypted = url.scheme() == "smtps" || url.query().is_some_and(|query| query == "tls=required");
    if !is_encrypted && !accounts::is_loopback(url) {
        return Err(PostError::NoTls);
    }
    let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())
        .map_err(|error| PostError::Server(error.to_string()))?;
    Ok(Way::Server(Box::new(server.build())))
}

/// 55x is said of the recipient's mailbox or of the mail (RFC 5321, 4.2.1). Other refusals, of the portal's password, say, may end.
fn failure(error: smtp::Error) -> Failure {
    let is_of_mail = error.status().is_some_and(|status| status.category == Category::MailSystem);
    match error.is_permanent() && is_of_mail {
        true => Failure::Final(error.to_string()),
        false => Failure::ForNow(error.to_string()),
    }
}

/// Sends what waits, and forgets what has expired, for as long as it is polled.
pub async fn run(
    database: Database,
    post: Post,
    places: Places,
    posted: Arc<Notify>,
    is_demonstration: bool,
) {
    loop {
        if let Err(error) = work(&database, &post, &places, is_demonstration).await {
            tracing::error!(%error, "the outbox cannot be read; it is tried again");
        }
        let _ = tokio::time::timeout(IDLE, posted.notified()).await;
    }
}

async fn work(
    database: &Database,
    post: &Post,
    places: &Places,
    is_demonstration: bool,
) -> Result<(), sqlx::Error> {
    store::forget_expired(database, now()).await?;
    let due = stream::iter(store::due_mails(database, now(), LONGEST_PAUSE).await?).map(Ok);
    due.try_for_each_concurrent(AT_ONCE, |mail| go_on(database, post, places, is_demonstration, mail)).await
}

async fn go_on(
    database: &Database,
    post: &Post,
    places: &Places,
    is_demonstration: bool,
    mail: Mail,
) -> Result<(), sqlx::Error> {
    if !store::is_of_use(database, &mail, now()).await? {
        tracing::warn!(
            mail = mail.id,
            "a mail is given up: it is a day old, or its link does not work any more"
        );
        return store::give_up(database, &mail.id).await;
    }
    match post.send(&mail, places).await {
        Ok(()) => store::mark_sent(database, &mail.id, is_demonstration).await,
        Err(Failure::Final(error)) => {
            tracing::warn!(mail = mail.id, error, "a mail is given up");
            store::give_up(database, &mail.id).await
        }
        Err(Failure::ForNow(error)) => {
            tracing::warn!(mail = mail.id, error, "a mail could not be sent; it is tried again");
            let pause = accounts::pause(mail.tries, FIRST_PAUSE, LONGEST_PAUSE);
            store::mark_failed(database, &mail.id, now().saturating_add(pause)).await
        }
    }
}
