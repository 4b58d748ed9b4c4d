//! Code systems whose codes are known by their form or from a short list: MIME types, languages, currencies, countries.

use super::terminology::Membership;

/// `type/subtype` with optional parameters (RFC 6838, RFC 2045).
pub fn mime_type(text: &str) -> bool {
    let (name, _) = text.split_once(';').unwrap_or((text, ""));
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    name.trim_end().split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

/// A well-formed language tag: language, script, region, variants, private use (RFC 5646 section 2.1; without the
/// registry, so any two or three letters are a language).
pub fn language(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let alphanumeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = text.split('-').peekable();
    let first = parts.next().unwrap_or_default();
    let private = |rest: std::iter::Peekable<std::str::Split<'_, char>>| {
        let parts: Vec<&str> = rest.collect();
        !parts.is_empty() && parts.iter().all(|part| (1..=8).contains(&part.len()) && alphanumeric(part))
    };
    if matches!(first, "x" | "i") {
        return private(parts);
    }
    if !(2..=3).contains(&first.len()) || !letters(first) {
        return false;
    }
    parts.next_if(|part| part.len() == 3 && letters(part));
    parts.next_if(|part| part.len() == 4 && letters(part));
    parts.next_if(|part| {
        (part.len() == 2 && letters(part)) || (part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let variant = |part: &&str| {
        alphanumeric(part)
            && ((5..=8).contains(&part.len())
                || (part.len() == 4 && part.starts_with(|first: char| first.is_ascii_digit())))
    };
    while parts.next_if(variant).is_some() {}
    match parts.next() {
        None => true,
        Some(single) => single.len() == 1 && alphanumeric(single) && private(parts),
    }
}

/// ISO 4217 in use when R4 was published, as its `currencies` value set has them.
const CURRENCIES: &str = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP \
BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GGP \
GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS IMP INR IQD IRR ISK JEP JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD \
KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB \
PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLL SOS SPL SRD SSP STN SVC SYP SZL THB TJS TMT \
TND TOP TRY TTD TVD TWD TZS UAH UGX USD USN UYI UYU UZS VEF VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XOF XPD XPF \
XPT XSU XTS XUA XXX YER ZAR ZMW ZWD ZWL ";

pub fn currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) && CURRENCIES.contains(&format!(" {text} "))
}

/// ISO 3166-1: two letters and three of each country.
const COUNTRIES: &str = "ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE BABIH BBBRB \
BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS BTBTN BVBVT BWBWA BYBLR \
BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN COCOL CRCRI CUCUB CVCPV CWCUW CXCXR \
CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK \
FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS \
GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN \
ISISL ITITA JEJEY JMJAM JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO \
LBLBN LCLCA LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD \
MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM NCNCL NENER \
NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG PHPHL PKPAK PLPOL PMSPM \
PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA SASAU SBSLB SCSYC SDSDN SESWE SGSGP \
SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF \
TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY \
UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR VNVNM VUVUT WFWLF WSWSM YEYEM YTMYT ZAZAF ZMZMB ZWZWE";

/// A country by two or three letters. Of three digits only the form is judged (`urn:iso:std:iso:3166` has all three).
pub fn country(text: &str) -> Membership {
    let listed = |from: usize| COUNTRIES.split(' ').any(|codes| codes.get(from..from + text.len()) == Some(text));
    match text.len() {
        2 => Membership::from(listed(0)),
        3 if text.bytes().all(|byte| byte.is_ascii_digit()) => Membership::Unknown,
        3 => Membership::from(listed(2)),
        _ => Membership::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_follow_bcp_47() {
        for right in
            ["ja", "ja-JP", "zh-Hant-TW", "ja-Hira", "fr-CA", "x-private", "sl-rozaj", "de-1996", "en-u-ca-gregory"]
        {
            assert!(language(right), "{right}");
        }
        for wrong in ["", "123", "ja_JP", "japanese language", "no-such-code", "xx-YY-ZZZZZZZZZ", "日本語", "x", "ja-"]
        {
            assert!(!language(wrong), "{wrong}");
        }
    }

    #[test]
    fn mime_types_have_two_parts_and_countries_and_currencies_are_listed() {
        assert!(mime_type("text/plain") && mime_type("application/fhir+json; charset=utf-8"));
        assert!(!mime_type("pdf") && !mime_type("a b/c") && !mime_type("/x"));
        assert_eq!(["JP", "XX", "jp", "JPN", "PJP", "392", "Japan"].map(country), {
            use Membership::{No, Unknown, Yes};
            [Yes, No, No, Yes, No, Unknown, No]
        });
        assert!(currency("JPY") && !currency("YEN") && !currency("jpy") && !currency("J Y"));
    }
}
