(* Kraft's theorem (docs/theory.md, Code lengths): prefix codes of M leaves have exactly the lengths with Σ 2^-len <= 1.
   No claim of its own; CodeLength.v rests on it. *)
From Coq Require Import Reals Lra Lia Arith List Bool Permutation.
From Compresslab Require Import Base Code.
Import ListNotations.
Open Scope R_scope.

(* --- Kraft: the words of a prefix code take disjoint shares of the code space --- *)
Fixpoint prefix (a b : list bool) : Prop :=
  match a, b with [], _ => True | x :: a', y :: b' => x = y /\ prefix a' b' | _, [] => False end.
Definition prefix_free (C : list (list bool)) := ForallOrdPairs (fun a b => ~ prefix a b /\ ~ prefix b a) C.
Fixpoint space (C : list (list bool)) : R := match C with [] => 0 | w :: C' => size (length w) + space C' end.
Fixpoint branch (x : bool) (C : list (list bool)) := match C with
  | (y :: w) :: C' => if Bool.eqb x y then w :: branch x C' else branch x C' | [] :: C' => branch x C' | [] => [] end.

Lemma branch_in x C w : In w (branch x C) -> In (x :: w) C.
Proof.
  induction C as [|[|y v] C IH]; simpl; auto. destruct (Bool.eqb_spec x y) as [->|]; simpl; intros; intuition; subst; auto.
Qed.
Lemma branch_has x C w : In (x :: w) C -> In w (branch x C).
Proof.
  induction C as [|[|y v] C IH]; simpl; auto; intros [E|H]; try discriminate; auto.
  - injection E as -> ->. rewrite Bool.eqb_reflx. left; auto. - destruct (Bool.eqb x y); simpl; auto.
Qed.
Lemma space_nonneg C : 0 <= space C.
Proof. induction C; simpl; [lra|]. pose proof (size_pos (length a)). lra. Qed.
Lemma space_in C w : In w C -> size (length w) <= space C.
Proof.
  induction C as [|v C IH]; simpl; [tauto|]. pose proof (size_pos (length v)). pose proof (space_nonneg C).
  intros [->|I]; [lra|specialize (IH I); lra].
Qed.
Lemma prefix_antisym a b : prefix a b -> (length b <= length a)%nat -> prefix b a.
Proof. revert b. induction a as [|x a IH]; intros [|y b]; simpl; auto; try lia. intros [-> P] L. split; auto. apply IH; auto. lia. Qed.
Lemma branch_free x C : prefix_free C -> prefix_free (branch x C).
Proof.
  intros H. induction H as [|[|y v] C A H IH]; simpl; [constructor|auto|].
  destruct (Bool.eqb_spec x y) as [<-|]; auto. constructor; auto. apply Forall_forall. intros w Hw.
  rewrite Forall_forall in A. specialize (A _ (branch_in x C w Hw)). simpl in A. intuition.
Qed.
Lemma branch_space C : ~ In [] C -> space C = / 2 * (space (branch false C) + space (branch true C)).
Proof.
  induction C as [|[|y v] C IH]; simpl; intros H; [lra|tauto|]. rewrite IH by tauto. unfold size.
  assert (0 < 2 ^ length v) by (apply pow_lt; lra). destruct y; simpl; unfold size; field; lra.
Qed.
Lemma branch_size x C n : (forall w, In w C -> (length w <= S n)%nat) -> forall w, In w (branch x C) -> (length w <= n)%nat.
Proof. intros H w Hw. specialize (H _ (branch_in x C w Hw)). simpl in H. lia. Qed.
Lemma alone C : prefix_free C -> In [] C -> C = [[]].
Proof.
  intros H. inversion H as [|w C' A B]; subst; simpl; [tauto|]. rewrite Forall_forall in A. intros [->|I].
  - destruct C' as [|v C']; auto. destruct (A v (or_introl eq_refl)) as [N _]. now destruct N.
  - destruct (A _ I) as [_ N]. now destruct N.
Qed.
Theorem kraft C : prefix_free C -> space C <= 1.
Proof.
  assert (exists n, forall w, In w C -> (length w <= n)%nat) as [n Hn].
  { exists (list_max (map (@length bool) C)). intros w Hw. pose proof (list_max_le (map (@length bool) C) (list_max (map (@length bool) C))) as [X _].
    specialize (X (le_n _)). rewrite Forall_forall in X. apply X, in_map, Hw. }
  revert C Hn. induction n as [|n IH]; intros C Hn F.
  - destruct (in_dec (list_eq_dec Bool.bool_dec) [] C) as [I|I]; [rewrite (alone C F I); simpl; unfold size; simpl; lra|].
    destruct C as [|w C]; simpl; [lra|]. specialize (Hn w (or_introl eq_refl)). destruct w; simpl in *; [tauto|lia].
  - destruct (in_dec (list_eq_dec Bool.bool_dec) [] C) as [I|I]; [rewrite (alone C F I); simpl; unfold size; simpl; lra|].
    rewrite branch_space by auto.
    pose proof (IH _ (branch_size false C n Hn) (branch_free false C F)). pose proof (IH _ (branch_size true C n Hn) (branch_free true C F)). lra.
Qed.

(* --- the converse: there is always room for one more word that is not shorter --- *)
Lemma room n : forall C, (forall v, In v C -> (length v <= n)%nat) -> space C < 1 ->
  exists w, length w = n /\ forall v, In v C -> ~ prefix v w.
Proof.
  induction n as [|n IH]; intros C L S.
  - exists []. split; auto. intros v Hv _. assert (v = []) as -> by (specialize (L v Hv); destruct v; simpl in *; auto; lia).
    pose proof (space_in _ _ Hv). unfold size in *. simpl in *. lra.
  - assert (N : ~ In [] C) by (intros I; pose proof (space_in _ _ I); unfold size in *; simpl in *; lra).
    assert (exists x, space (branch x C) < 1) as [x X].
    { pose proof (branch_space C N). destruct (Rlt_dec (space (branch false C)) 1); [exists false; auto|exists true; lra]. }
    destruct (IH (branch x C) (branch_size x C n L) X) as [w [W F]]. exists (x :: w). split; [simpl; lia|].
    intros [|y v] Hv P; [tauto|]. destruct P as [-> P]. apply (F v); auto. apply branch_has, Hv.
Qed.
Lemma pairs_permute (C C' : list (list bool)) : Permutation C C' -> prefix_free C -> prefix_free C'.
Proof.
  intros P. induction P as [|w C C' P IH|v w C|]; intros H; auto.
  - inversion H; subst. constructor; [eapply Permutation_Forall; eauto|apply IH; auto].
  - inversion H as [|? ? A H']; subst. inversion H' as [|? ? B H'']; subst. inversion A; subst.
    repeat constructor; auto; tauto.
Qed.
Lemma longest (l : list nat) : l <> [] -> exists a n b, l = a ++ n :: b /\ forall x, In x (a ++ b) -> (x <= n)%nat.
Proof.
  induction l as [|m l IH]; [tauto|]. intros _. destruct l as [|m' l]; [exists [], m, []; simpl; tauto|].
  destruct IH as (a & n & b & E & H); [discriminate|]. rewrite E. destruct (le_lt_dec m n).
  - exists (m :: a), n, b. split; auto. simpl. intros x [<-|I]; auto.
  - exists [], m, (a ++ n :: b). split; auto. simpl. intros x I. rewrite in_app_iff in I. simpl in I.
    assert (x = n \/ In x (a ++ b)) as [->|J] by (rewrite in_app_iff; intuition). lia. specialize (H x J). lia.
Qed.
Definition total (l : list nat) := fold_right Rplus 0 (map size l).
Lemma total_app a b : total (a ++ b) = total a + total b.
Proof. unfold total. induction a; simpl; [|rewrite IHa]; lra. Qed.
Lemma space_lengths C : space C = total (map (@length bool) C).
Proof. induction C; simpl; unfold total in *; simpl; [|rewrite IHC]; auto. Qed.
Theorem kraft_converse l : total l <= 1 -> exists C, prefix_free C /\ map (@length bool) C = l.
Proof.
  remember (length l) as n eqn:E. revert l E. induction n as [|n IH]; intros l E T.
  - destruct l; [|discriminate]. exists []. split; [constructor|auto].
  - destruct (longest l) as (a & m & b & -> & H); [intros ->; discriminate|].
    rewrite total_app in T. unfold total at 2 in T. simpl in T. fold (total b) in T.
    assert (S : total (a ++ b) < 1) by (rewrite total_app; pose proof (size_pos m); lra).
    destruct (IH (a ++ b)) as (C & F & L); [rewrite app_length in *; simpl in *; lia|lra|].
    apply map_eq_app in L as (C1 & C2 & -> & L1 & L2).
    destruct (room m (C1 ++ C2)) as (w & W & R).
    + intros v Hv. apply H. rewrite <- L1, <- L2, <- map_app. apply in_map, Hv.
    + rewrite space_lengths, map_app, L1, L2. exact S.
    + exists (C1 ++ w :: C2). split; [|rewrite map_app; simpl; congruence].
      apply (pairs_permute (w :: C1 ++ C2)); [apply Permutation_middle|]. constructor; auto.
      apply Forall_forall. intros v Hv. split; [|apply R, Hv]. intros P. apply (R v Hv).
      apply prefix_antisym; auto. rewrite W. apply H. rewrite <- L1, <- L2, <- map_app. apply in_map, Hv.
Qed.

(* --- the same for M leaves, and the code-length bounds for a best prefix code --- *)
Definition prefix_code M (c : nat -> list bool) := forall i j, (i < M)%nat -> (j < M)%nat -> i <> j -> forall s, c j <> c i ++ s.
Lemma prefix_app a b : prefix a b <-> exists s, b = a ++ s.
Proof.
  revert b. induction a as [|x a IH]; intros b; simpl; [split; [exists b|]; auto|]. destruct b as [|y b].
  - split; [tauto|intros (s & E); discriminate].
  - rewrite IH. split; [intros (-> & s & ->); exists s; auto|intros (s & E); injection E as -> ->; split; [auto|exists s; auto]].
Qed.
Lemma prefix_code_words M c : prefix_code M c <-> forall i j, (i < M)%nat -> (j < M)%nat -> i <> j -> ~ prefix (c i) (c j).
Proof.
  split; intros H i j Hi Hj D.
  - rewrite prefix_app. intros (s & E). apply (H i j Hi Hj D s E).
  - intros s E. apply (H i j Hi Hj D). apply prefix_app. exists s. exact E.
Qed.
Lemma code_list M c : prefix_code M c <-> prefix_free (map c (seq 0 M)).
Proof.
  rewrite prefix_code_words. unfold prefix_free. split.
  - intros H. assert (G : forall l, NoDup l -> incl l (seq 0 M) -> ForallOrdPairs (fun a b => ~ prefix a b /\ ~ prefix b a) (map c l)).
    { intros l N. induction N as [|x l X N IH]; intros I; simpl; constructor.
      - apply Forall_map, Forall_forall. intros y Hy. assert (x <> y) by (intros ->; auto).
        assert (In x (seq 0 M)) as Ix by (apply I; left; auto). assert (In y (seq 0 M)) as Iy by (apply I; right; auto).
        apply in_seq in Ix, Iy. split; apply H; auto; lia.
      - apply IH. intros y Hy. apply I. right; auto. }
    apply G; [apply seq_NoDup|intros x; auto].
  - assert (G : forall s n, ForallOrdPairs (fun a b => ~ prefix a b /\ ~ prefix b a) (map c (seq s n)) ->
      forall i j, (s <= i < s + n)%nat -> (s <= j < s + n)%nat -> i <> j -> ~ prefix (c i) (c j)).
    { intros s n. revert s. induction n as [|n IH]; intros s H i j Hi Hj D; [lia|]. inversion H as [|? ? A B]; subst.
      rewrite Forall_map, Forall_forall in A. destruct (Nat.eq_dec i s) as [->|], (Nat.eq_dec j s) as [->|]; try lia.
      - apply A, in_seq. lia. - apply A, in_seq. lia. - apply (IH (S s)); auto; lia. }
    intros H i j Hi Hj. apply (G 0%nat M H); lia.
Qed.
Lemma total_Sum M (len : nat -> nat) : total (map len (seq 0 M)) = Σ j < M, size (len j).
Proof.
  induction M; auto. rewrite seq_S, map_app, total_app, IHM. unfold total. simpl. lra.
Qed.
Theorem kraft_lengths M (len : nat -> nat) : (Σ j < M, size (len j)) <= 1 <-> exists c, prefix_code M c /\ forall j, (j < M)%nat ->
  length (c j) = len j.
Proof.
  split.
  - rewrite <- total_Sum. intros H. destruct (kraft_converse _ H) as (C & F & L). exists (fun j => nth j C []).
    assert (n : length C = M) by (rewrite <- (map_length (@length bool)), L, map_length, seq_length; auto).
    split.
    + apply code_list. replace (map (fun j => nth j C []) (seq 0 M)) with C; auto. subst M. clear.
      induction C as [|w C IH]; simpl; auto. rewrite <- seq_shift, map_map. f_equal. exact IH.
    + intros j Hj. rewrite <- (map_nth (@length bool)), L. rewrite (nth_indep _ _ (len 0%nat)) by (rewrite map_length, seq_length; auto).
      rewrite map_nth, seq_nth by auto. reflexivity.
  - intros (c & P & L). apply code_list in P. apply kraft in P. rewrite space_lengths, map_map in P.
    rewrite <- (Sum_ext M (fun j => size (length (c j)))); [rewrite <- total_Sum; exact P|]. intros j Hj. rewrite L; auto.
Qed.
